/* The small map beside a plan marks what makes the indicator fail whose list was opened last. */
(function () {
  'use strict';
  var text = document.getElementById('plan-map-text');
  if (!text) { return; }
  var shapes = document.querySelectorAll('.plan-map [data-place]');

  function mark(list) {
    var wanted = list ? list.getAttribute('data-places').split(' ') : [];
    Array.prototype.forEach.call(shapes, function (shape) {
      shape.classList.toggle('fails', wanted.indexOf(shape.getAttribute('data-place')) >= 0);
      shape.classList.toggle('not-known', wanted.indexOf('?' + shape.getAttribute('data-place')) >= 0);
    });
    text.textContent = list ? text.getAttribute('data-of').replace('{name}', list.getAttribute('data-name')) : text.getAttribute('data-none');
  }

  mark(document.querySelector('tr[data-marked] details[data-places]'));
  document.querySelectorAll('details[data-places]').forEach(function (list) {
    list.addEventListener('toggle', function () {
      if (list.open && list.getAttribute('data-places')) { mark(list); }
    });
  });
}());
