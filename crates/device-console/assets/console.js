// Comfort only: every page works without this script.

'use strict';

// Codes and keys are chosen whole by one click.
document.addEventListener('click', event => {
	if (event.target instanceof HTMLElement && event.target.tagName === 'CODE') {
		getSelection().selectAllChildren(event.target);
	}
});

// A form is sent once, however often its button is pressed.
document.addEventListener('submit', event => {
	const { target } = event;
	if (target.method !== 'post') return;
	if (target.dataset.sent) event.preventDefault();
	target.dataset.sent = 'yes';
});

// A page shown again by the back button may send its forms again.
addEventListener('pageshow', () => {
	for (const form of document.forms) delete form.dataset.sent;
});
