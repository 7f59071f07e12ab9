/* What is wider than the page can be moved to with Tab and scrolled with the arrow keys; newer browsers do it by
   themselves. What fits is no stop. */
(function () {
  'use strict';

  function headingBefore(box) {
    var last = null;
    document.querySelectorAll('h1, h2, h3').forEach(function (each) {
      if (each.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING) { last = each; }
    });
    return last;
  }

  function nameOf(box) {
    var table = box.querySelector('table');
    var caption = table && table.querySelector('caption');
    var told = table && table.getAttribute('aria-label');
    var heading = told ? null : caption || headingBefore(box);
    return told || (heading ? heading.textContent.trim() : '');
  }

  function look(box) {
    var wide = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (wide === box.hasAttribute('data-wide')) { return; }
    if (wide) {
      box.setAttribute('data-wide', '');
      box.setAttribute('tabindex', '0');
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', nameOf(box));
    } else {
      ['data-wide', 'tabindex', 'role', 'aria-label'].forEach(function (name) { box.removeAttribute(name); });
    }
  }

  /* Those that the server wrote as regions are left as they are. */
  var boxes = document.querySelectorAll('.scroll:not([tabindex]), .sideways:not([tabindex])');
  var watcher = new ResizeObserver(function (entries) {
    entries.forEach(function (each) { look(each.target.closest('.scroll, .sideways')); });
  });
  boxes.forEach(function (box) {
    watcher.observe(box);
    if (box.firstElementChild) { watcher.observe(box.firstElementChild); }
  });
}());
