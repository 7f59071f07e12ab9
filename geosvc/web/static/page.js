/* Choosing from a list asks at once; without scripts the button does. */
(function () {
  'use strict';
  document.querySelectorAll('[data-nojs]').forEach(function (node) { node.hidden = true; });
  document.querySelectorAll('select[data-submit]').forEach(function (select) {
    select.addEventListener('change', function () {
      if (select.id === 'service') {
        ['threshold', 'area'].forEach(function (name) {
          var other = select.form.elements[name];
          if (other) { other.disabled = true; }
        });
      }
      select.form.submit();
    });
  });
}());
