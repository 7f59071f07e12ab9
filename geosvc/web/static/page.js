/* A choice made with a pointer asks at once. Arrow keys only walk through a list: who uses
   them presses the button beside it. */
(function () {
  'use strict';
  document.querySelectorAll('select[data-submit]').forEach(function (select) {
    var byKey = false;
    select.addEventListener('keydown', function () { byKey = true; });
    select.addEventListener('pointerdown', function () { byKey = false; });
    select.addEventListener('change', function () {
      if (!byKey) { select.form.submit(); }
    });
  });

  /* Nothing stays folded on paper. */
  var folded = [];
  window.addEventListener('beforeprint', function () {
    folded = Array.prototype.filter.call(document.querySelectorAll('details'), function (each) { return !each.open; });
    folded.forEach(function (each) { each.open = true; });
  });
  window.addEventListener('afterprint', function () {
    folded.forEach(function (each) { each.open = false; });
  });
}());
