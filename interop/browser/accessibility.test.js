'use strict';

// Checks every page with axe, in both colour schemes and both sizes.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const {
	AdminAddUserToGroupCommand,
	CreateGroupCommand,
} = require('@aws-sdk/client-cognito-identity-provider');
const { AppPage, serveApp } = require('./app');
const { check, checkShown } = require('./check');
const { launch, visitor } = require('./chromium');
const { invite, serveInDevMode } = require('./dev');
const { admin, endpoint } = require('../node/pools');
const { signInToConsole, withAuthenticator } = require('./people');

const ACTS = [
	'confirm',
	'set-password',
	'reset-password',
	'sign-out',
	'add-to-group',
	'remove-from-group',
	'disable',
	'enable',
	'delete',
	'forget-devices',
];

/** The routes of the console's pages, without `/console`, as the router has them. */
function routes() {
	const file = path.join(__dirname, '../../crates/device-console/src/router.rs');
	return readFileSync(file, 'utf8')
		.split('.route(')
		.slice(1)
		.filter(route => route.split('.route_layer')[0].includes('get('))
		.map(route => /"\/console([^"]*)"/.exec(route)[1])
		.filter(route => !/\{\*rest\}|\/assets\//.test(route));
}

/** The routes that no visited path belongs to. */
function unvisited(visited) {
	const plain = visited.map(path => path.split('?')[0]);
	const pattern = route => new RegExp(`^${route.replace(/\{[^}]*\}/g, '[^/]+')}$`);
	return routes().filter(route => !plain.some(path => pattern(route).test(path)));
}

test('no page has a barrier', { timeout: 900_000 }, async () => {
	const [app, browser, developers] = await Promise.all([serveApp(), launch(), serveInDevMode()]);
	try {
		const { pool, name, authenticator } = await withAuthenticator();
		const phone = await AppPage.open(browser, app, pool);
		await phone.rememberWith(name, authenticator);
		await phone.signIn(name);
		const group = { UserPoolId: pool.UserPoolId, GroupName: 'staff' };
		await admin.send(new CreateGroupCommand({ ...group, Description: 'People who work here.' }));
		await admin.send(new AdminAddUserToGroupCommand({ ...group, Username: name }));

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
			'?done=pool-created',
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
			`${base}/groups/staff`,
			`${base}/groups/staff/delete`,
			`${base}/new-group`,
			`${base}/users`,
			`${base}/users?q=nobody`,
			`${base}/new-user`,
			user,
			`${user}?done=user-changed`,
			...['devices', 'sessions', 'sign-ins', 'groups', 'attributes'].map(list => `${user}/${list}`),
			device,
			device.replace(/forget$/, 'do-not-remember'),
			device.replace(/forget$/, 'remember'),
			ends,
			...ACTS.map(act => `${user}/act/${act}`),
		];
		await check(await visitor(browser), endpoint, '/sign-in');
		for (const path of pages) await check(finder, endpoint, path);

		// What forms answer.
		await finder.goto(`${endpoint}/console${base}/new-user`);
		await finder.fill('#username', 'grace');
		await finder.fill('#password', 'short');
		await finder.click('main button');
		await finder.waitForSelector('[role=alert]');
		await checkShown(finder, '/new-user-refused');
		await finder.goto(`${endpoint}/console${base}/devices`);
		await finder.check('#suppress-no');
		await finder.click('main form button:text-is("What would change?")');
		await finder.waitForSelector('#trial');
		await checkShown(finder, '/devices-tried');

		await invite(developers.endpoint);
		const developer = await visitor(browser);
		await developer.goto(`${developers.endpoint}/console/messages`);
		const message = (await developer.getAttribute('main table a', 'href')).replace(/^\/console/, '');
		const shown = ['/messages', message, '/messages?to=nobody'];
		for (const path of shown) await check(developer, developers.endpoint, path);

		assert.ok(routes().length > 20, 'the router was read');
		assert.deepEqual(unvisited(['/sign-in', ...pages, ...shown]), [], 'pages without a check');
	} finally {
		await browser.close();
		app.stop();
		developers.stop();
	}
});
