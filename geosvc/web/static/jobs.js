/* Measuring in place: one progress bar with cancel, the percentage in the title, the page anew when it is done.
   Whatever was on the page stays until then. Without this script the form leads to the job's own page. */
(function () {
  'use strict';
  var FIRST_MS = 300, EVERY_MS = 1000, LONGEST_MS = 15000;
  var title = document.title;

  function start(form) {
    var said = form.querySelector('.job-said');
    var percent = form.querySelector('.job-percent');
    var bar = form.querySelector('progress');
    var box = form.querySelector('.job-progress');
    var problem = form.querySelector('.job-problem');
    var send = form.querySelector('button[type=submit]');
    var cancel = form.querySelector('.job-cancel');
    var link = form.querySelector('.job-link');
    var words = form.dataset;
    var number = null;
    var timer = null;
    var failures = 0;
    var turn = 0;

    /* An answer counts only while it is the newest question's: a look that comes after a cancel says what was before it. */
    function newest(promise, then, fail) {
      var mine = ++turn;
      clearTimeout(timer);
      promise.then(function (answer) { if (mine === turn) { then(answer); } }).catch(function () { if (mine === turn) { fail(); } });
    }

    function ask(method, address, body) {
      var headers = { Accept: 'application/json', 'X-CSRF-Token': form.elements.csrf_token.value };
      if (body) { headers['Content-Type'] = 'application/json'; }
      return fetch(address, { method: method, headers: headers, credentials: 'same-origin', cache: 'no-store', body: body ? JSON.stringify(body) : undefined })
        .then(function (answer) { return answer.json().then(function (told) { return { status: answer.status, ok: answer.ok, told: told }; }); });
    }

    function say(text) {
      if (said.textContent !== text) { said.textContent = text; }  /* a screen reader hears each sentence once */
    }

    /* Without a job: the form as it was, with a sentence where something went wrong. */
    function rest(text, detail) {
      clearTimeout(timer);
      number = null;
      box.hidden = true;
      send.hidden = false;
      send.disabled = false;
      document.title = title;
      problem.hidden = !text;
      problem.textContent = text || '';
      if (text && detail) {
        var small = document.createElement('span');
        small.lang = 'en';
        small.className = 'small';
        small.textContent = ' ' + detail;
        problem.appendChild(small);
      }
    }

    function show(job) {
      var share = Math.floor(100 * job.progress);
      var step = words['step' + job.step.split(': ').pop().replace(/^./, function (letter) { return letter.toUpperCase(); })];
      if (job.cancelling) { say(words.cancelling); }
      else if (job.state === 'waiting') { say(job.before ? words.before.replace('{count}', job.before) : words.waiting); }
      else { say(step || words.running); }
      bar.value = share;
      percent.textContent = share + ' %';
      document.title = share + ' % · ' + title;
      cancel.disabled = job.cancelling;
    }

    function follow(job) {
      number = job.id;
      failures = 0;
      problem.hidden = true;
      if (link) { link.hidden = true; }
      send.hidden = true;
      box.hidden = false;
      if (job.state === 'done') {
        bar.value = 100;
        say(words.done);
        document.title = title;
        location.reload();
      } else if (job.state === 'failed') {
        rest(job.error.title === 'Interrupted' ? words.interrupted : words.failed, job.error.detail);
      } else if (job.state === 'cancelled') {
        rest(words.cancelled);
      } else if (job.withdrawn) {
        rest(words.withdrawn);
      } else {
        show(job);
        timer = setTimeout(look, job.progress ? EVERY_MS : FIRST_MS);
      }
    }

    function answered(answer) {
      if (answer.ok) { follow(answer.told); }
      else if (answer.status === 401 || answer.status === 403) { rest(words.signedOut, answer.told.detail); }
      else if (answer.status === 404 || answer.status < 500) { rest(words.refused, answer.told.detail); }
      else { throw new Error(String(answer.status)); }
    }

    /* The server is away: the job is not. Look again, less and less often. */
    function later() {
      failures += 1;
      say(words.offline);
      timer = setTimeout(look, Math.min(EVERY_MS * Math.pow(2, failures), LONGEST_MS));
    }

    function look() {
      newest(ask('GET', '/api/jobs/' + number), answered, later);
    }

    form.addEventListener('submit', function (event) {
      event.preventDefault();
      send.disabled = true;
      problem.hidden = true;
      var parameters = {};
      ['service', 'datetime', 'recorded', 'scenario', 'threshold', 'run'].forEach(function (name) {
        if (form.elements[name]) { parameters[name] = form.elements[name].value; }
      });
      newest(ask('POST', '/api/jobs', { kind: form.elements.kind.value, parameters: parameters }), function (answer) {
        if (answer.status >= 500) { rest(words.refused, answer.told.detail); } else { answered(answer); }
      }, function () { rest(words.offline); });
    });

    cancel.addEventListener('click', function () {
      cancel.disabled = true;
      newest(ask('DELETE', '/api/jobs/' + number), answered, later);
    });

    if (words.job) { number = words.job; look(); }
  }

  document.querySelectorAll('form[data-job-form]').forEach(start);
}());
