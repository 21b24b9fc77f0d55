'use strict';

// The life of a device, with amazon-cognito-identity-js.

const assert = require('node:assert/strict');
const { before, test } = require('node:test');
const { AdminForgetDeviceCommand } = require('@aws-sdk/client-cognito-identity-provider');
const {
	ALWAYS,
	OPT_IN,
	REPLACES_MFA,
	Storage,
	addUser,
	admin,
	answerCode,
	called,
	enrol,
	makePool,
	outcome,
	signIn,
	visit,
} = require('./pools');

let shared;

before(async () => {
	shared = await makePool();
});

const doesNotExist = { code: 'ResourceNotFoundException', message: 'Device does not exist.' };
const invalidRefreshToken = { code: 'NotAuthorizedException', message: 'Invalid Refresh Token.' };

/** A user with a software token, to whom this machine is a new device. */
async function userWithMfa(pool) {
	const name = await addUser(pool);
	const elsewhere = visit(pool, name, new Storage());
	await signIn(elsewhere, name);
	return { name, authenticator: await enrol(elsewhere) };
}

/** A browser whose device the user remembered at a sign-in with a code. */
async function remembered(pool) {
	const { name, authenticator } = await userWithMfa(pool);
	const storage = new Storage();
	const user = visit(pool, name, storage);
	await signIn(user, name);
	await answerCode(user, authenticator.code());
	await outcome(callbacks => user.setDeviceStatusRemembered(callbacks));
	return { name, storage, user, authenticator };
}

function refresh(user) {
	const token = user.getSignInUserSession().getRefreshToken();
	return called(callback => user.refreshSession(token, callback));
}

/** A value of the only device in the storage. The client chooses the prefix of its name. */
function stored(storage, what) {
	const key = [...storage.keys()].find(key => key.endsWith(`.${what}`));
	return { key, value: storage.get(key) };
}

test('the whole life', async () => {
	const { name, authenticator } = await userWithMfa(shared);
	const storage = new Storage();

	// The machine is unknown, so the code is asked for. The client confirms the device by itself.
	let user = visit(shared, name, storage);
	assert.equal((await signIn(user, name)).asked, 'SOFTWARE_TOKEN_MFA');
	assert.equal((await answerCode(user, authenticator.code())).mustAsk, true);
	const deviceKey = stored(storage, 'deviceKey').value;

	// The device is tracked, but not remembered yet.
	await assert.rejects(outcome(callbacks => user.getDevice(callbacks)), doesNotExist);
	user = visit(shared, name, storage);
	assert.equal((await signIn(user, name)).asked, 'SOFTWARE_TOKEN_MFA');

	// Once it is remembered, the device's proof is enough, on this visit and on later ones.
	user = visit(shared, name, storage);
	await called(callback => user.getSession(callback));
	user.getCachedDeviceKeyAndPassword();
	assert.equal((await outcome(callbacks => user.setDeviceStatusRemembered(callbacks))).session, 'SUCCESS');
	for (let visits = 0; visits < 2; visits += 1) {
		user = visit(shared, name, storage);
		assert.ok((await signIn(user, name)).session.isValid());
	}
	assert.equal(stored(storage, 'deviceKey').value, deviceKey);

	const { session: list } = await outcome(callbacks => user.listDevices(10, null, callbacks));
	assert.deepEqual(list.Devices.map(device => device.DeviceKey), [deviceKey]);
	const { session: fetched } = await outcome(callbacks => user.getDevice(callbacks));
	assert.deepEqual(fetched.Device, list.Devices[0]);

	const before = user.getSignInUserSession().getAccessToken();
	const after = (await refresh(user)).getAccessToken();
	assert.notEqual(after.getJwtToken(), before.getJwtToken());
	for (const token of [before, after]) assert.equal(token.payload.device_key, deviceKey);

	// A forgotten device is gone with its refresh tokens, and the code is asked for again.
	await outcome(callbacks => user.forgetDevice(callbacks));
	const { session: none } = await outcome(callbacks => user.listDevices(10, null, callbacks));
	assert.deepEqual(none.Devices, []);
	await assert.rejects(refresh(user), invalidRefreshToken);
	user = visit(shared, name, storage);
	assert.equal((await signIn(user, name)).asked, 'SOFTWARE_TOKEN_MFA');
});

test('refused with the wrong secret', async () => {
	const { name, storage } = await remembered(shared);
	const { key, value } = stored(storage, 'randomPasswordKey');
	storage.setItem(key, [...value].reverse().join(''));
	await assert.rejects(signIn(visit(shared, name, storage), name), {
		code: 'NotAuthorizedException',
		message: 'Incorrect username or password.',
	});
	storage.setItem(key, value);
	assert.ok((await signIn(visit(shared, name, storage), name)).session.isValid());
});

test('forgotten behind its back, the client asks again without the key', async () => {
	const { name, storage } = await remembered(shared);
	await admin.send(
		new AdminForgetDeviceCommand({
			UserPoolId: shared.UserPoolId,
			Username: name,
			DeviceKey: stored(storage, 'deviceKey').value,
		})
	);

	const user = visit(shared, name, storage);
	assert.equal((await signIn(user, name)).asked, 'SOFTWARE_TOKEN_MFA');
	assert.equal(stored(storage, 'deviceKey').value, undefined);
});

test('always: remembered at once', async () => {
	const pool = await makePool({ devices: { ...ALWAYS, ...REPLACES_MFA } });
	const { name, authenticator } = await userWithMfa(pool);
	const storage = new Storage();
	const user = visit(pool, name, storage);
	await signIn(user, name);
	assert.equal((await answerCode(user, authenticator.code())).mustAsk, false);
	assert.ok((await signIn(visit(pool, name, storage), name)).session.isValid());
});

test('without suppression: the code first, the device after', async () => {
	const pool = await makePool({ devices: OPT_IN });
	const name = await addUser(pool);
	const storage = new Storage();
	let user = visit(pool, name, storage);
	await signIn(user, name);
	await outcome(callbacks => user.setDeviceStatusRemembered(callbacks));
	const authenticator = await enrol(user);

	user = visit(pool, name, storage);
	assert.equal((await signIn(user, name)).asked, 'SOFTWARE_TOKEN_MFA');
	assert.ok((await answerCode(user, authenticator.code())).session.isValid());
});

test('a password sent as it is, and a device after it', async () => {
	const { name, storage } = await remembered(shared);
	const user = visit(shared, name, storage);
	user.setAuthenticationFlowType('USER_PASSWORD_AUTH');
	assert.ok((await signIn(user, name)).session.isValid());
});

test('signed in by e-mail address, in another case the next time', async () => {
	const pool = await makePool({
		UsernameAttributes: ['email'],
		UsernameConfiguration: { CaseSensitive: false },
	});
	const name = await addUser(pool, { name: 'Dora@example.com' });
	const storage = new Storage();
	let user = visit(pool, name, storage);
	await signIn(user, name);
	await outcome(callbacks => user.setDeviceStatusRemembered(callbacks));
	const deviceKey = stored(storage, 'deviceKey').value;

	user = visit(pool, 'dora@EXAMPLE.com', storage);
	const { session } = await signIn(user, 'dora@EXAMPLE.com');
	assert.equal(session.getAccessToken().payload.device_key, deviceKey);
	assert.ok((await refresh(user)).isValid());
});
