'use strict';

// Checks a page with axe, and its size.

const assert = require('node:assert/strict');
const axe = require('axe-core');
const { SIZES, photograph } = require('./chromium');

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The maximum size of a page, in bytes. */
const MAX_PAGE = 50_000;

/** The violations that axe finds, one per line. */
async function violations(page) {
	const found = await page.evaluate(tags => globalThis.axe.run({ runOnly: tags }), TAGS);
	return found.violations.flatMap(({ id, help, nodes }) =>
		nodes.map(node => `${id}: ${help}: ${node.html}`)
	);
}

/** Checks the page at `path` of the console at `endpoint`, in both sizes and both colour schemes. */
async function check(page, endpoint, path) {
	const response = await page.goto(`${endpoint}/console${path}`);
	const bytes = (await response.body()).length;
	assert.ok(bytes < MAX_PAGE, `${path} has ${bytes} bytes`);
	await checkShown(page, path);
}

/** Checks what the page shows now, which the messages call `path`. */
async function checkShown(page, path) {
	await page.evaluate(axe.source);
	for (const [size, viewport] of Object.entries(SIZES)) {
		await page.setViewportSize(viewport);
		for (const colorScheme of ['light', 'dark']) {
			await page.emulateMedia({ colorScheme });
			const shown = `${path} at ${size} size, ${colorScheme}`;
			assert.deepEqual(await violations(page), [], shown);
			const width = await page.evaluate(() => document.documentElement.scrollWidth);
			assert.ok(width <= viewport.width, `${shown} is ${width} wide`);
			const name = path.replace(/[^a-z]+/gi, '-').slice(-60);
			await photograph(page, `${size}-${colorScheme}${name || '-pools'}`);
		}
	}
	await page.setViewportSize(SIZES.desktop);
}

module.exports = { check, checkShown };
