'use strict';

// With --dev the console is open to pages of the same machine, and shows the codes that were sent to users.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const { test } = require('node:test');
const {
	AdminCreateUserCommand,
	CognitoIdentityProviderClient,
	CreateUserPoolCommand,
} = require('@aws-sdk/client-cognito-identity-provider');
const { check } = require('./check');
const { launch, visitor } = require('./chromium');

/** Starts a server in dev mode. Returns its URL and a function that stops it. */
async function serveInDevMode() {
	const settings = Object.entries(process.env).filter(([name]) => !name.startsWith('DEVICE_'));
	const server = spawn(process.env.DEVICE_BINARY, ['serve', '--dev', '--in-memory', '--listen', '127.0.0.1:0'], {
		env: Object.fromEntries(settings),
		stdio: ['ignore', 'pipe', 'ignore'],
	});
	for await (const line of createInterface({ input: server.stdout })) {
		const found = /^listening on (http:\S+)/.exec(line);
		if (found) return { endpoint: found[1], stop: () => server.kill() };
	}
	throw new Error('the server does not say where it listens');
}

test('a developer reads the codes', { timeout: 120_000 }, async () => {
	const [server, browser] = await Promise.all([serveInDevMode(), launch()]);
	try {
		const { endpoint } = server;
		const admin = new CognitoIdentityProviderClient({ endpoint, region: 'us-east-1' });
		const { UserPool } = await admin.send(new CreateUserPoolCommand({ PoolName: 'dev' }));
		await admin.send(
			new AdminCreateUserCommand({
				UserPoolId: UserPool.Id,
				Username: 'ada',
				UserAttributes: [{ Name: 'email', Value: 'ada@example.com' }],
			})
		);
		const page = await visitor(browser);
		await page.goto(`${endpoint}/console`);
		await page.click('header a:text-is("Messages")');
		assert.match(await page.textContent('main'), /ada@example\.com/);
		await check(page, endpoint, '/messages');
	} finally {
		await browser.close();
		server.stop();
	}
});
