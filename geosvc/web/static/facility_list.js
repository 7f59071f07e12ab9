/* Ticking facilities in the list: all of a page at once, and how many are ticked. */
(function () {
  'use strict';
  var boxes = document.querySelectorAll('input[name=chosen][type=checkbox]');
  var all = document.getElementById('choose-all');
  var count = document.getElementById('chosen-count');

  function tell() {
    var ticked = Array.prototype.filter.call(boxes, function (each) { return each.checked; }).length;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    count.textContent = ticked ? count.dataset.words.replace('{count}', String(ticked)) : '';
    document.querySelectorAll('[data-needs-chosen]').forEach(function (each) { each.disabled = ticked === 0; });
  }

  if (all) {
    all.hidden = false;
    all.addEventListener('change', function () {
      boxes.forEach(function (each) { each.checked = all.checked; });
      tell();
    });
    boxes.forEach(function (each) { each.addEventListener('change', tell); });
    window.addEventListener('pageshow', tell);
    tell();
  }

  /* Whoever fills a field in means to change it. */
  document.querySelectorAll('[data-ticks]').forEach(function (field) {
    field.addEventListener('input', function () { document.querySelector('[name="' + field.dataset.ticks + '"]').checked = true; });
  });
}());
