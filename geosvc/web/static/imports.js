/* Importing: a file that is dropped, and a long wait that does not look dead. Everything works without it. */
(function () {
  'use strict';
  var drop = document.querySelector('[data-drop]');
  if (drop) {
    var input = drop.querySelector('input[type=file]');
    var said = drop.querySelector('.drop-said');
    drop.querySelector('.drop-hint').hidden = false;
    /* Too large is said before the file is sent for minutes. */
    var look = function () {
      var file = input.files[0];
      var large = Boolean(file) && file.size > Number(drop.dataset.mostMb) * 1048576;
      said.hidden = !large;
      said.textContent = large ? drop.dataset.tooLarge.replace('{name}', file.name) : '';
      input.setCustomValidity(said.textContent);
    };
    input.addEventListener('change', look);
    ['dragenter', 'dragover'].forEach(function (kind) {
      drop.addEventListener(kind, function (event) { event.preventDefault(); drop.classList.add('over'); });
    });
    ['dragleave', 'drop'].forEach(function (kind) {
      drop.addEventListener(kind, function () { drop.classList.remove('over'); });
    });
    drop.addEventListener('drop', function (event) {
      event.preventDefault();
      if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; look(); }
    });
    /* Beside the frame a dropped file would replace the page. */
    ['dragover', 'drop'].forEach(function (kind) {
      window.addEventListener(kind, function (event) { event.preventDefault(); });
    });
  }

  document.querySelectorAll('form[data-busy]').forEach(function (form) {
    var busy = form.querySelector('.busy');
    var timer = null;
    form.addEventListener('submit', function (event) {
      var step = event.submitter ? event.submitter.value : '';
      if (step === 'sheet') { return; }
      if (timer) { event.preventDefault(); return; }  /* sent once is enough */
      var words = step === 'commit' && form.dataset.busyCommit ? form.dataset.busyCommit : form.dataset.busy;
      var began = Date.now();
      busy.hidden = false;
      busy.textContent = words;
      form.setAttribute('aria-busy', 'true');
      /* The seconds are for the eye; a screen reader hears the sentence once. */
      var clock = document.createElement('span');
      clock.setAttribute('aria-hidden', 'true');
      busy.appendChild(clock);
      timer = setInterval(function () { clock.textContent = ' ' + Math.round((Date.now() - began) / 1000) + ' s'; }, 1000);
    });
    /* Back to a page that was kept: it can be sent again. */
    window.addEventListener('pageshow', function () {
      clearInterval(timer);
      timer = null;
      busy.hidden = true;
      form.removeAttribute('aria-busy');
    });
  });
}());
