'use strict';

// An unmodified Amplify app, signing in from the browser itself, across origins.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { AppPage, serveApp } = require('./app');
const { launch } = require('./chromium');
const { withAuthenticator } = require('./people');

test('Amplify remembers a device across a reload', async () => {
	const [app, browser] = await Promise.all([serveApp(), launch()]);
	try {
		const { pool, name, authenticator } = await withAuthenticator();
		const phone = await AppPage.open(browser, app, pool);
		await phone.rememberWith(name, authenticator);
		await phone.page.reload();
		assert.equal(await phone.signIn(name), 'DONE');
		// Another browser is asked for a code.
		const other = await AppPage.open(browser, app, pool);
		assert.equal(await other.signIn(name), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
	} finally {
		await browser.close();
		app.stop();
	}
});
