'use strict';

// Checks every page with axe, in both colour schemes and both sizes.

const { test } = require('node:test');
const { AppPage, serveApp } = require('./app');
const { check } = require('./check');
const { launch, visitor } = require('./chromium');
const { endpoint } = require('../node/pools');
const { signInToConsole, withAuthenticator } = require('./people');

test('no page has a barrier', { timeout: 400_000 }, async () => {
	const [app, browser] = await Promise.all([serveApp(), launch()]);
	try {
		const { pool, name, authenticator } = await withAuthenticator();
		const phone = await AppPage.open(browser, app, pool);
		await phone.rememberWith(name, authenticator);
		await phone.signIn(name);

		const finder = await visitor(browser);
		await signInToConsole(finder);
		const base = `/pools/${pool.UserPoolId}`;
		await finder.goto(`${endpoint}/console${base}/users`);
		const path = async selector =>
			(await finder.getAttribute(selector, 'href')).replace(/^\/console/, '');
		const user = await path('main table a');
		await finder.goto(`${endpoint}/console${user}`);
		const device = await path('#devices + table a:has-text("Forget")');
		const ends = await path('main a:has-text("End this one")');
		const pages = [
			'',
			'/new-pool',
			'/sessions',
			'/nothing',
			base,
			`${base}/devices`,
			`${base}/sign-in`,
			`${base}/clients`,
			`${base}/clients/${pool.ClientId}`,
			`${base}/clients/${pool.ClientId}/delete`,
			`${base}/new-client`,
			`${base}/groups`,
			`${base}/new-group`,
			`${base}/users`,
			`${base}/users?q=nobody`,
			`${base}/new-user`,
			user,
			`${user}?done=user-changed`,
			device,
			ends,
			...['set-password', 'add-to-group', 'disable', 'delete', 'forget-devices'].map(
				act => `${user}/act/${act}`
			),
		];
		await check(await visitor(browser), endpoint, '/sign-in');
		for (const path of pages) await check(finder, endpoint, path);
	} finally {
		await browser.close();
		app.stop();
	}
});
