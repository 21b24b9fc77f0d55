'use strict';

// The main path of an administrator: set the policy, see a real client's device in the list, and forget it. The client
// is then asked for a code.

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { endpoint, makePool } = require('../node/pools');
const { AppPage, serveApp } = require('./app');
const { SIZES, launch, photograph, visitor } = require('./chromium');
const { signInToConsole, withAuthenticator } = require('./people');

let app;
let browser;

before(async () => {
	[app, browser] = await Promise.all([serveApp(), launch()]);
});

after(async () => {
	await browser.close();
	app.stop();
});

async function isUnshifted(page) {
	const { width } = page.viewportSize();
	return page.locator('html').evaluate((html, width) => html.scrollWidth <= width, width);
}

/** Takes the picture in the README: the Devices page, with a device that a change would affect. */
async function photographForReadme(page, pool) {
	const user = page.url();
	await page.setViewportSize({ width: 1100, height: 860 });
	await page.goto(`${endpoint}/console/pools/${pool.UserPoolId}/devices`);
	await page.screenshot({ path: path.join(process.env.DEVICE_SCREENSHOTS, 'readme.png') });
	await page.setViewportSize(SIZES.desktop);
	await page.goto(user);
}

for (const javaScript of [true, false]) {
	test(`the back button keeps what was typed, ${javaScript ? 'script' : 'plain'}`, async () => {
		const { UserPoolId } = await makePool();
		const page = await visitor(browser, { javaScript });
		await signInToConsole(page);
		const typed = async () => [await page.inputValue('#username'), await page.isChecked('#permanent')];
		await page.goto(`${endpoint}/console/pools/${UserPoolId}/new-user`);
		await page.fill('#username', 'grace');
		await page.fill('#password', 'short');
		await page.check('#permanent');
		await page.click('header a:text-is("Sessions")');
		await page.waitForSelector('h1:text-is("Sessions")');
		await page.goBack();
		await page.waitForSelector('#username');
		assert.deepEqual(await typed(), ['grace', true]);
		// A refused form shows it again, and so does the page before it.
		await page.fill('#password', 'short');
		await page.click('main button');
		await page.waitForSelector('[role=alert]');
		assert.deepEqual(await typed(), ['grace', true]);
		await page.goBack();
		await page.waitForSelector('#username');
		assert.deepEqual(await typed(), ['grace', true]);
		await page.context().close();
	});
}

for (const size of Object.keys(SIZES)) {
	for (const javaScript of [true, false]) {
		const name = `${size}-${javaScript ? 'script' : 'plain'}`;
		test(`the main path, ${name}`, async () => {
			const { pool, name: user, authenticator } = await withAuthenticator({ devices: null });
			const page = await visitor(browser, { size, javaScript });
			await signInToConsole(page);

			// The pool is in the list.
			await page.goto(`${endpoint}/console/pools/${pool.UserPoolId}`);
			await page.click('nav.side a:text-is("Devices")');
			assert.match(await page.textContent('.state'), /Now: No\./);
			await page.check('#remember-opt-in');
			await page.check('#suppress-yes');
			await page.click('button:text-is("Save changes")');
			assert.match(await page.textContent('[role=status]'), /Saved/);
			assert.match(await page.textContent('.state'), /User opt-in, replaces MFA/);
			await photograph(page, `${name}-device-setting`);

			// A real client signs in, and its device appears.
			const phone = await AppPage.open(browser, app, pool);
			await phone.rememberWith(user, authenticator);
			assert.equal(await phone.signIn(user), 'DONE');
			assert.equal(await phone.press('sign-out'), 'SIGNED OUT');
			await page.click('nav.side a:text-is("Users")');
			await page.fill('#q', user);
			await page.click('form.search button');
			await page.click(`main table a:text-is("${user}")`);
			assert.match(await page.textContent('#devices + table'), /Remembered/);
			await photograph(page, `${name}-user`);
			if (name === 'desktop-script') await photographForReadme(page, pool);
			if (javaScript) assert.ok(await isUnshifted(page));

			// It is forgotten, and the client is asked for a code.
			await page.click('#devices + table a:has-text("Forget")');
			await photograph(page, `${name}-forget`);
			assert.match(await page.textContent('.effects'), /asked for a code at the next sign-in/);
			await page.click('button:text-is("Forget the device")');
			assert.match(await page.textContent('[role=status]'), /forgotten/);
			assert.match(await page.textContent('main'), /No device is tracked/);
			assert.equal(await phone.signIn(user), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');

			// After a sign-out, the back button shows nothing.
			await page.click('button:text-is("Sign out")');
			await page.waitForSelector('h1:text-is("Sign in")');
			await page.goBack();
			await page.waitForSelector('h1:text-is("Sign in")');
			await phone.page.context().close();
			await page.context().close();
		});
	}
}
