'use strict';

// A server in dev mode, beside the one that the tests share.

const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const {
	AdminCreateUserCommand,
	CognitoIdentityProviderClient,
	CreateUserPoolCommand,
} = require('@aws-sdk/client-cognito-identity-provider');

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

/** Creates a pool at a server in dev mode, and invites ada@example.com by e-mail. */
async function invite(endpoint) {
	const admin = new CognitoIdentityProviderClient({ endpoint, region: 'us-east-1' });
	const { UserPool } = await admin.send(new CreateUserPoolCommand({ PoolName: 'dev' }));
	await admin.send(
		new AdminCreateUserCommand({
			UserPoolId: UserPool.Id,
			Username: 'ada',
			UserAttributes: [{ Name: 'email', Value: 'ada@example.com' }],
		})
	);
}

module.exports = { invite, serveInDevMode };
