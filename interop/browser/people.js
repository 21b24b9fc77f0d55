'use strict';

// Users with authenticator apps, and administrators with an access key.

const { Storage, addUser, endpoint, enrol, makePool, signIn, visit } = require('../node/pools');

/** Creates a pool with a user who has an authenticator app, set up by a client outside of the browser. */
async function withAuthenticator(settings) {
	const pool = await makePool(settings);
	const name = await addUser(pool);
	const user = visit(pool, name, new Storage());
	await signIn(user, name);
	return { pool, name, authenticator: await enrol(user) };
}

/** Signs in to the console with the access key of the environment. */
async function signInToConsole(page) {
	await page.goto(`${endpoint}/console`);
	await page.fill('#access_key_id', process.env.AWS_ACCESS_KEY_ID);
	await page.fill('#secret_access_key', process.env.AWS_SECRET_ACCESS_KEY);
	await page.click('main button');
	await page.waitForSelector('h1:text-is("User pools")');
}

module.exports = { signInToConsole, withAuthenticator };
