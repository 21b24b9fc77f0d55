'use strict';

// Test pools, their users, and a user's authenticator app and browser storage.

const {
	AdminCreateUserCommand,
	AdminSetUserPasswordCommand,
	CognitoIdentityProviderClient,
	CreateUserPoolClientCommand,
	CreateUserPoolCommand,
	SetUserPoolMfaConfigCommand,
} = require('@aws-sdk/client-cognito-identity-provider');
const { AuthenticationDetails, CognitoUser, CognitoUserPool } = require('amazon-cognito-identity-js');
const { Secret, TOTP } = require('otpauth');

const endpoint = process.env.DEVICE_ENDPOINT;
const PASSWORD = 'Correct-horse-7-battery!';

const OPT_IN = { DeviceOnlyRememberedOnUserPrompt: true };
const ALWAYS = { DeviceOnlyRememberedOnUserPrompt: false };
const REPLACES_MFA = { ChallengeRequiredOnNewDevice: true };

/** A client of an administrator. By default it signs with the credentials of the environment. */
function administrator(options = {}) {
	return new CognitoIdentityProviderClient({
		endpoint,
		region: process.env.AWS_DEFAULT_REGION,
		maxAttempts: 1,
		...options,
	});
}

const admin = administrator();

async function makePool({ devices = { ...OPT_IN, ...REPLACES_MFA }, mfa = 'OPTIONAL', flows = [], ...settings } = {}) {
	const { UserPool } = await admin.send(
		new CreateUserPoolCommand({ PoolName: 'interop', DeviceConfiguration: devices, ...settings })
	);
	await admin.send(
		new SetUserPoolMfaConfigCommand({
			UserPoolId: UserPool.Id,
			SoftwareTokenMfaConfiguration: { Enabled: true },
			MfaConfiguration: mfa,
		})
	);
	const { UserPoolClient } = await admin.send(
		new CreateUserPoolClientCommand({
			UserPoolId: UserPool.Id,
			ClientName: 'app',
			ExplicitAuthFlows: [
				'ALLOW_USER_SRP_AUTH',
				'ALLOW_USER_PASSWORD_AUTH',
				'ALLOW_REFRESH_TOKEN_AUTH',
				...flows,
			],
		})
	);
	return { UserPoolId: UserPool.Id, ClientId: UserPoolClient.ClientId };
}

let users = 0;

/** Creates a user. Returns the name. */
async function addUser(pool, { name = `user-${++users}`, permanent = true } = {}) {
	const of = { UserPoolId: pool.UserPoolId, Username: name };
	await admin.send(new AdminCreateUserCommand({ ...of, MessageAction: 'SUPPRESS' }));
	await admin.send(new AdminSetUserPasswordCommand({ ...of, Password: PASSWORD, Permanent: permanent }));
	return name;
}

/** The storage that a browser keeps between visits. */
class Storage extends Map {
	getItem(key) {
		return this.get(key) ?? null;
	}
	setItem(key, value) {
		// A browser stores strings only.
		this.set(key, String(value));
	}
	removeItem(key) {
		this.delete(key);
	}
}

/** The client as created by a page when it loads. Everything that it knows from earlier visits is in the storage. */
function visit(pool, name, storage) {
	const userPool = new CognitoUserPool({ ...pool, endpoint, Storage: storage });
	return new CognitoUser({ Username: name, Pool: userPool, Storage: storage });
}

/** Runs a step that ends in one of many callbacks. Resolves to the callback that was called and its arguments. */
function outcome(step) {
	return new Promise((resolve, reject) => {
		const tell = asked => (...details) => resolve({ asked, details });
		step({
			onSuccess: (session, mustAsk = false) => resolve({ session, mustAsk }),
			onFailure: reject,
			totpRequired: tell('SOFTWARE_TOKEN_MFA'),
			mfaRequired: tell('SMS_MFA'),
			mfaSetup: tell('MFA_SETUP'),
			newPasswordRequired: tell('NEW_PASSWORD_REQUIRED'),
		});
	});
}

function signIn(user, name, password = PASSWORD) {
	const details = new AuthenticationDetails({ Username: name, Password: password });
	return outcome(callbacks => user.authenticateUser(details, callbacks));
}

function answerCode(user, code) {
	return outcome(callbacks => user.sendMFACode(code, callbacks, 'SOFTWARE_TOKEN_MFA'));
}

/** Runs a step with a callback in Node's style, whose first argument is the error. */
function called(step) {
	return new Promise((resolve, reject) => {
		step((error, result) => (error ? reject(error) : resolve(result)));
	});
}

/** Sets up a software token for a user who is signed in. */
async function enrol(user) {
	const secret = await new Promise((associateSecretCode, onFailure) => {
		user.associateSoftwareToken({ associateSecretCode, onFailure });
	});
	const authenticator = new Authenticator(secret);
	await outcome(callbacks => user.verifySoftwareToken(authenticator.code(), 'phone', callbacks));
	const preference = { Enabled: true, PreferredMfa: true };
	await called(callback => user.setUserMfaPreference(null, preference, callback));
	return authenticator;
}

/**
 * An authenticator app that gives two codes without waiting. A code is valid once. The server also accepts the codes of
 * the time steps before and after, so the second code is that of the next step. A third would be too far ahead: enrol
 * again.
 */
class Authenticator {
	#totp;
	#used = 0;

	constructor(secret) {
		this.#totp = new TOTP({ secret: Secret.fromBase32(secret) });
	}

	code() {
		const { period } = this.#totp;
		const now = Math.floor(Date.now() / 1000 / period);
		const step = Math.max(now, this.#used + 1);
		if (step > now + 1) throw new Error('no code is left to use without waiting');
		this.#used = step;
		return this.#totp.generate({ timestamp: step * period * 1000 });
	}
}

module.exports = {
	ALWAYS,
	Authenticator,
	OPT_IN,
	PASSWORD,
	REPLACES_MFA,
	Storage,
	addUser,
	admin,
	administrator,
	answerCode,
	called,
	endpoint,
	enrol,
	makePool,
	outcome,
	signIn,
	visit,
};
