/* Suspected duplicates: what was put off stays folded in this tab, the ticked pairs are counted, and the page of a
   merge shows at once what each choice makes. Without this script all of it works by its buttons. */
(function () {
  'use strict';
  var KEY = 'geosvc-duplicates-later';

  function putOff() {
    try { return JSON.parse(window.sessionStorage.getItem(KEY) || '[]'); } catch (error) { return []; }
  }

  function remember(ids) {
    try { window.sessionStorage.setItem(KEY, JSON.stringify(ids)); } catch (error) { /* then only until the page is left */ }
  }

  function queue() {
    var form = document.getElementById('queue');
    var skipped = document.getElementById('skipped');
    if (!form) { return; }
    var articles = Array.prototype.slice.call(form.querySelectorAll('article.suspect'));

    function show() {
      var hidden = articles.filter(function (each) { return each.hidden; }).length;
      if (!skipped) { return; }
      skipped.hidden = !hidden;
      skipped.querySelector('span').textContent = form.dataset.skipped.replace('{count}', hidden);
    }

    function fold(article) {
      article.hidden = true;
      article.querySelectorAll('input[type=checkbox]').forEach(function (box) { box.checked = false; });
    }

    var ids = putOff();
    articles.forEach(function (each) { if (ids.indexOf(each.id) >= 0) { fold(each); } });
    show();
    form.querySelectorAll('[data-later]').forEach(function (link) {
      link.addEventListener('click', function (event) {
        event.preventDefault();
        var article = link.closest('article');
        var following = articles.slice(articles.indexOf(article) + 1).filter(function (each) { return !each.hidden; })[0];
        fold(article);
        remember(putOff().concat([article.id]));
        show();
        count();
        (following || document.getElementById('end')).focus();
      });
    });
    if (skipped) {
      skipped.querySelector('button').addEventListener('click', function () {
        remember([]);
        articles.forEach(function (each) { each.hidden = false; });
        show();
        if (articles[0]) { articles[0].focus(); }
      });
    }

    var told = document.getElementById('chosen');
    var nothing = told ? told.textContent : '';
    function count() {
      var chosen = form.querySelectorAll('input[name=pair]:checked').length;
      if (told) { told.textContent = chosen ? form.dataset.chosen.replace('{count}', chosen) : nothing; }
    }
    form.addEventListener('change', count);
    count();
  }

  function merging() {
    var form = document.getElementById('merge');
    if (!form) { return; }
    var asked = 0;
    form.querySelector('[data-look]').hidden = true;
    form.addEventListener('change', function (event) {
      if (event.target.name === 'reason') { return; }
      var mine = asked += 1;
      var body = new URLSearchParams(new FormData(form));
      body.set('step', 'look');
      fetch(form.getAttribute('action'), { method: 'POST', body: body, credentials: 'same-origin' }).then(function (answer) {
        if (!answer.ok) { throw new Error(String(answer.status)); }
        return answer.text();
      }).then(function (text) {
        if (mine !== asked) { return; }
        var made = new DOMParser().parseFromString(text, 'text/html').getElementById('merge');
        if (!made) { throw new Error('no form'); }
        take(form, made);
      }).catch(function () { form.querySelector('[data-look]').hidden = false; });
    });
  }

  /* Put what the server made into the page; what is being typed and where the focus is stays. */
  function take(form, made) {
    var at = document.activeElement;
    var name = at && at.form === form ? at.name : '';
    var value = at ? at.value : '';
    ['thead', 'tbody'].forEach(function (part) {
      form.querySelector('.choosing ' + part).replaceWith(made.querySelector('.choosing ' + part));
    });
    form.querySelectorAll('input[name^="default."]').forEach(function (each) { each.remove(); });
    made.querySelectorAll('input[name^="default."]').forEach(function (each) { form.appendChild(each); });
    form.querySelector('#result').replaceWith(made.querySelector('#result'));
    form.querySelector('[data-look]').hidden = true;
    Array.prototype.forEach.call(form.elements, function (each) {
      if (name && each.name === name && each.value === value && each.type !== 'hidden') { each.focus(); }
    });
  }

  queue();
  merging();
}());
