'use strict';

// The life of a device, and of a user, with AWS Amplify 6. The package `aws-amplify` re-exports these two packages and
// twenty others, which are not needed for signing in.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');
const { AdminForgetDeviceCommand } = require('@aws-sdk/client-cognito-identity-provider');
const auth = require('@aws-amplify/auth');
const { cognitoUserPoolsTokenProvider } = require('@aws-amplify/auth/cognito');
const { Amplify } = require('@aws-amplify/core');
const { Authenticator, PASSWORD, Storage, addUser, admin, endpoint, makePool } = require('./pools');

// Amplify expects these objects of a browser; older versions of Node lack them. It names a device after the browser,
// and without a browser's name it confirms no device.
globalThis.navigator ??= { userAgent: 'Node.js' };
globalThis.crypto ??= require('node:crypto').webcrypto;

// Amplify gives a sign-up three minutes to be confirmed, and keeps that timer even after it was. The tests do not wait
// for it.
const { setTimeout: schedule } = globalThis;
globalThis.setTimeout = (callback, delay, ...rest) => {
	const timer = schedule(callback, delay, ...rest);
	return delay < 60_000 ? timer : timer.unref();
};

/** Opens the app. Everything that it knows from earlier visits is in the storage. */
function visit({ UserPoolId, ClientId }, storage) {
	const Cognito = { userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: endpoint };
	cognitoUserPoolsTokenProvider.setAuthConfig({ Cognito });
	Amplify.configure({ Auth: { Cognito } }, { Auth: { tokenProvider: cognitoUserPoolsTokenProvider } });
	cognitoUserPoolsTokenProvider.setKeyValueStorage(storage);
}

/** The step that Amplify names after this step of a sign-in; `DONE` at the end. */
async function next(step) {
	return (await step).nextStep.signInStep;
}

const signIn = (username, options) => next(auth.signIn({ username, password: PASSWORD, options }));
const answer = challengeResponse => next(auth.confirmSignIn({ challengeResponse }));

/** New tokens; undefined if the refresh was refused, because Amplify then signs out. */
async function refresh() {
	return (await auth.fetchAuthSession({ forceRefresh: true })).tokens;
}

/** A user with a software token, and a storage with a device that was remembered at a sign-in with a code. */
async function remembered(pool) {
	const name = await addUser(pool);
	visit(pool, new Storage());
	assert.equal(await signIn(name), 'DONE');
	const { sharedSecret } = await auth.setUpTOTP();
	const authenticator = new Authenticator(sharedSecret);
	await auth.verifyTOTPSetup({ code: authenticator.code() });
	await auth.updateMFAPreference({ totp: 'PREFERRED' });

	const storage = new Storage();
	visit(pool, storage);
	assert.equal(await signIn(name), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
	assert.equal(await answer(authenticator.code()), 'DONE');
	// The device is tracked, but not remembered yet.
	assert.deepEqual(await auth.fetchDevices(), []);
	await auth.rememberDevice();
	const [device, ...others] = await auth.fetchDevices();
	assert.deepEqual(others, []);
	return { name, storage, deviceKey: device.id };
}

/** The key in the storage that ends in `what`. */
const stored = (storage, what) => [...storage.keys()].find(key => key.endsWith(`.${what}`));

const read = new Set();

/** The next unread code that was sent to an address. Polls, because the server sends codes after it has answered. */
async function sentTo(address) {
	for (let looks = 0; looks < 500; looks += 1) {
		const file = readFileSync(process.env.DEVICE_MESSAGE_FILE, 'utf8');
		const lines = file.split('\n').slice(0, -1);
		const line = lines.find(line => !read.has(line) && JSON.parse(line).destination === address);
		if (line) {
			read.add(line);
			return JSON.parse(line).code;
		}
		await pause(10);
	}
	throw new Error(`nothing was sent to ${address}`);
}

test('the whole life', async () => {
	const pool = await makePool({ flows: ['ALLOW_USER_AUTH'] });
	const { name, storage, deviceKey } = await remembered(pool);

	for (const options of [
		{ authFlowType: 'USER_SRP_AUTH' },
		{ authFlowType: 'USER_PASSWORD_AUTH' },
		{ authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD_SRP' },
	]) {
		await auth.signOut();
		assert.equal(await signIn(name, options), 'DONE', options.authFlowType);
	}

	const { accessToken: before } = (await auth.fetchAuthSession()).tokens;
	const { accessToken: after } = await refresh();
	assert.notEqual(after.toString(), before.toString());
	for (const token of [before, after]) assert.equal(token.payload.device_key, deviceKey);

	await auth.signOut();
	const secret = stored(storage, 'randomPasswordKey');
	const right = storage.get(secret);
	storage.setItem(secret, [...right].reverse().join(''));
	await assert.rejects(signIn(name), {
		name: 'NotAuthorizedException',
		message: 'Incorrect username or password.',
	});
	storage.setItem(secret, right);
	assert.equal(await signIn(name), 'DONE');

	// A forgotten device is gone with its refresh tokens, and the code is asked for again.
	await auth.forgetDevice();
	assert.deepEqual(await auth.fetchDevices(), []);
	assert.equal(await refresh(), undefined);
	assert.equal(await signIn(name), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
});

test('forgotten behind its back, Amplify asks again without the key', async () => {
	const pool = await makePool();
	const { name, storage, deviceKey } = await remembered(pool);
	await auth.signOut();
	await admin.send(
		new AdminForgetDeviceCommand({ UserPoolId: pool.UserPoolId, Username: name, DeviceKey: deviceKey })
	);
	assert.equal(await signIn(name), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
	assert.equal(stored(storage, 'deviceKey'), undefined);
});

test('a user who never had a password', async () => {
	const pool = await makePool({
		flows: ['ALLOW_USER_AUTH'],
		UsernameAttributes: ['email'],
		AutoVerifiedAttributes: ['email'],
		Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP'] } },
	});
	const storage = new Storage();
	visit(pool, storage);
	const username = 'eve@example.com';
	const options = { userAttributes: { email: username }, autoSignIn: { authFlowType: 'USER_AUTH' } };
	await auth.signUp({ username, options });
	const confirmed = await auth.confirmSignUp({ username, confirmationCode: await sentTo(username) });
	assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
	// The code that confirmed the address is enough to sign in.
	assert.equal(await next(auth.autoSignIn()), 'DONE');
	assert.equal((await auth.fetchUserAttributes()).email_verified, 'true');

	await auth.signOut();
	const byCode = { authFlowType: 'USER_AUTH', preferredChallenge: 'EMAIL_OTP' };
	assert.equal(await next(auth.signIn({ username, options: byCode })), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
	assert.equal(await answer(await sentTo(username)), 'DONE');
	assert.equal(stored(storage, 'deviceKey'), undefined);
	await auth.deleteUser();
	await assert.rejects(signIn(username), { name: 'UserNotFoundException' });
});

test('a password is forgotten, and changed', async () => {
	const pool = await makePool({ AutoVerifiedAttributes: ['email'] });
	visit(pool, new Storage());
	const [username, email] = ['finn', 'finn@example.com'];
	// Without `autoSignIn`: the second of two within 300 ms never ends in Amplify.
	const [password, options] = ['Another-horse-1!', { userAttributes: { email } }];
	await auth.signUp({ username, password, options });
	await auth.confirmSignUp({ username, confirmationCode: await sentTo(email) });
	assert.equal(await next(auth.signIn({ username, password })), 'DONE');
	await auth.signOut();
	await auth.resetPassword({ username });
	const confirmationCode = await sentTo(email);
	await auth.confirmResetPassword({ username, confirmationCode, newPassword: 'A-better-one-2!' });
	assert.equal(await next(auth.signIn({ username, password: 'A-better-one-2!' })), 'DONE');
	await auth.updatePassword({ oldPassword: 'A-better-one-2!', newPassword: PASSWORD });
	await auth.signOut();
	assert.equal(await signIn(username), 'DONE');
});
