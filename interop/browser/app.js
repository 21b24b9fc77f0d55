'use strict';

// The app, bundled and served on localhost, and a user who uses it in a browser.

const { readFile } = require('node:fs/promises');
const { createServer } = require('node:http');
const path = require('node:path');
const assert = require('node:assert/strict');
const esbuild = require('esbuild');
const { PASSWORD, endpoint } = require('../node/pools');

/** Serves the app. Returns its URL and a function that stops it. */
async function serveApp() {
	const { outputFiles } = await esbuild.build({
		entryPoints: [path.join(__dirname, 'app/app.js')],
		bundle: true,
		write: false,
		nodePaths: [process.env.NODE_PATH],
		define: { global: 'globalThis' },
	});
	const script = outputFiles[0].contents;
	const page = await readFile(path.join(__dirname, 'app/index.html'));
	const server = createServer((request, response) => {
		const isScript = request.url === '/app.js';
		response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
		response.end(isScript ? script : page);
	});
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
	return { url: `http://localhost:${server.address().port}`, stop: () => server.close() };
}

/** The app in its own browser context, which keeps the app's storage. */
class AppPage {
	constructor(page) {
		this.page = page;
	}

	static async open(browser, app, { UserPoolId, ClientId }) {
		const page = await (await browser.newContext()).newPage();
		const settings = new URLSearchParams({ pool: UserPoolId, client: ClientId, endpoint });
		await page.goto(`${app.url}/?${settings}`);
		return new AppPage(page);
	}

	async state() {
		await this.page.waitForFunction(() => document.getElementById('state').textContent !== 'BUSY');
		return this.page.textContent('#state');
	}

	async signIn(name) {
		await this.page.fill('#username', name);
		await this.page.fill('#password', PASSWORD);
		await this.page.click('#sign-in button');
		return this.state();
	}

	async sendCode(code) {
		await this.page.fill('#code', code);
		await this.page.click('#code-form button');
		return this.state();
	}

	async press(id) {
		await this.page.click(`#${id}`);
		return this.state();
	}

	/** Signs in with a code, and remembers the device. */
	async rememberWith(name, authenticator) {
		assert.equal(await this.signIn(name), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
		assert.equal(await this.sendCode(authenticator.code()), 'DONE');
		assert.equal(await this.press('remember'), 'REMEMBERED 1');
		assert.equal(await this.press('sign-out'), 'SIGNED OUT');
	}
}

module.exports = { AppPage, serveApp };
