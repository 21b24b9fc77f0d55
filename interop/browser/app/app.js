// An app like those in Amplify's documentation. Pool, client and endpoint are in the URL.

import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchDevices, rememberDevice, signIn, signOut } from 'aws-amplify/auth';

const settings = new URLSearchParams(location.search);
Amplify.configure({
	Auth: {
		Cognito: {
			userPoolId: settings.get('pool'),
			userPoolClientId: settings.get('client'),
			userPoolEndpoint: settings.get('endpoint'),
		},
	},
});

const element = id => document.getElementById(id);

/** Shows the outcome of a step: the name of the next step, or that of the error. */
async function show(step) {
	element('state').textContent = 'BUSY';
	try {
		element('state').textContent = await step();
	} catch (error) {
		element('state').textContent = `${error.name}: ${error.message}`;
	}
}

element('sign-in').addEventListener('submit', event => {
	event.preventDefault();
	const [username, password] = [element('username').value, element('password').value];
	show(async () => (await signIn({ username, password })).nextStep.signInStep);
});

element('code-form').addEventListener('submit', event => {
	event.preventDefault();
	const challengeResponse = element('code').value;
	show(async () => (await confirmSignIn({ challengeResponse })).nextStep.signInStep);
});

element('remember').addEventListener('click', () =>
	show(async () => {
		await rememberDevice();
		return `REMEMBERED ${(await fetchDevices()).length}`;
	})
);

element('sign-out').addEventListener('click', () =>
	show(async () => {
		await signOut();
		return 'SIGNED OUT';
	})
);
