'use strict';

// Signing in without devices: challenges, tokens, signatures.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { DescribeUserPoolCommand } = require('@aws-sdk/client-cognito-identity-provider');
const { JwtVerifier } = require('aws-jwt-verify');
const {
	Authenticator,
	Storage,
	addUser,
	admin,
	administrator,
	called,
	endpoint,
	makePool,
	outcome,
	signIn,
	visit,
} = require('./pools');

let shared;

before(async () => {
	shared = await makePool();
});

test('a wrong password is refused', async () => {
	const name = await addUser(shared);
	await assert.rejects(signIn(visit(shared, name, new Storage()), name, 'Wrong-horse-7-battery!'), {
		code: 'NotAuthorizedException',
		message: 'Incorrect username or password.',
	});
});

test('a temporary password is replaced', async () => {
	const name = await addUser(shared, { permanent: false });
	const user = visit(shared, name, new Storage());
	assert.equal((await signIn(user, name)).asked, 'NEW_PASSWORD_REQUIRED');
	const { session } = await outcome(callbacks =>
		user.completeNewPasswordChallenge('A-better-one-2!', {}, callbacks)
	);
	assert.ok(session.isValid());
});

test('a second factor is set up where the pool demands one', async () => {
	const pool = await makePool({ mfa: 'ON' });
	const name = await addUser(pool);
	const user = visit(pool, name, new Storage());
	assert.equal((await signIn(user, name)).asked, 'MFA_SETUP');
	const secret = await new Promise((associateSecretCode, onFailure) => {
		user.associateSoftwareToken({ associateSecretCode, onFailure });
	});
	const code = new Authenticator(secret).code();
	const { session } = await outcome(callbacks => user.verifySoftwareToken(code, 'phone', callbacks));
	assert.ok(session.isValid());
});

test('signing out revokes the tokens', async () => {
	const name = await addUser(shared);
	const user = visit(shared, name, new Storage());
	const { session } = await signIn(user, name);
	const data = await called(callback => user.getUserData(callback));
	assert.equal(data.Username, name);

	await called(callback => user.signOut(callback));
	const later = visit(shared, name, new Storage());
	later.setSignInUserSession(session);
	await assert.rejects(called(callback => later.getUserAttributes(callback)), {
		code: 'NotAuthorizedException',
		message: 'Access Token has been revoked',
	});
});

test('aws-jwt-verify takes the tokens', async () => {
	const name = await addUser(shared);
	const { session } = await signIn(visit(shared, name, new Storage()), name);
	const issuer = `${endpoint}/${shared.UserPoolId}`;
	const verifier = JwtVerifier.create({ issuer, audience: null });
	// The library would fetch the keys itself, but only by https.
	verifier.cacheJwks(await (await fetch(`${issuer}/.well-known/jwks.json`)).json());
	const access = await verifier.verify(session.getAccessToken().getJwtToken());
	assert.equal(access.client_id, shared.ClientId);
	const id = await verifier.verify(session.getIdToken().getJwtToken(), { audience: shared.ClientId });
	assert.equal(id['cognito:username'], name);
});

test('signatures of the JavaScript SDK', async () => {
	const describe = new DescribeUserPoolCommand(shared);
	const answer = await admin.send(describe);
	assert.equal(answer.UserPool.Id, shared.UserPoolId);
	assert.ok(answer.UserPool.CreationDate instanceof Date);
	assert.match(answer.$metadata.requestId, /^[0-9a-f-]{36}$/);

	const accessKeyId = process.env.AWS_ACCESS_KEY_ID;
	const forger = administrator({ credentials: { accessKeyId, secretAccessKey: 'a secret of somebody else' } });
	await assert.rejects(forger.send(describe), { name: 'InvalidSignatureException' });
});
