'use strict';

// Pools to try things in, their users, and what a user holds: an authenticator and a browser.

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

/** An administrator, who signs with the credentials of the environment unless told otherwise. */
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

/** A new user's name. */
async function addUser(pool, { name = `user-${++users}`, permanent = true } = {}) {
	const of = { UserPoolId: pool.UserPoolId, Username: name };
	await admin.send(new AdminCreateUserCommand({ ...of, MessageAction: 'SUPPRESS' }));
	await admin.send(new AdminSetUserPasswordCommand({ ...of, Password: PASSWORD, Permanent: permanent }));
	return name;
}

/** What a browser keeps between visits. */
class Storage extends Map {
	getItem(key) {
		return this.get(key) ?? null;
	}
	setItem(key, value) {
		// A browser keeps text and nothing else.
		this.set(key, String(value));
	}
	removeItem(key) {
		this.delete(key);
	}
}

/** The client as a page makes it when it is loaded: all that it knows from before is in the storage. */
function visit(pool, name, storage) {
	const userPool = new CognitoUserPool({ ...pool, endpoint, Storage: storage });
	return new CognitoUser({ Username: name, Pool: userPool, Storage: storage });
}

/** A step whose outcome the client tells to one of many callbacks: which, and with what. */
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

/** A call whose callback is Node's: error first. */
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
 * An authenticator app whose owner never has to wait. A code is good once. The server takes those of the step before
 * and after as well, so the second code asked for is the next step's. A third would be too far ahead: enrol again.
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
