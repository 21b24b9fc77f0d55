'use strict';

// With --dev the console is open to pages of the same machine, and shows the codes that were sent to users.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { launch, visitor } = require('./chromium');
const { invite, serveInDevMode } = require('./dev');

test('a developer reads the codes', { timeout: 120_000 }, async () => {
	const [server, browser] = await Promise.all([serveInDevMode(), launch()]);
	try {
		const { endpoint } = server;
		await invite(endpoint);
		const page = await visitor(browser);
		await page.goto(`${endpoint}/console`);
		await page.click('header a:text-is("Messages")');
		assert.match(await page.textContent('main'), /ada@example\.com/);
		const code = await page.textContent('main table code.code');
		await page.click('main table a');
		assert.ok((await page.textContent('main p.message')).includes(code));
	} finally {
		await browser.close();
		server.stop();
	}
});
