'use strict';

// The machine's browser, in four variants: two sizes, with and without JavaScript.

const { mkdirSync } = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');

const SIZES = {
	desktop: { width: 1280, height: 800 },
	phone: { width: 360, height: 740 },
};

const screenshots = process.env.DEVICE_SCREENSHOTS;

function launch() {
	return chromium.launch({
		executablePath: process.env.DEVICE_CHROMIUM,
		args: [
			'--headless',
			'--no-sandbox',
			'--disable-gpu',
			'--disable-background-networking',
			'--disable-component-update',
			'--disable-sync',
			'--no-first-run',
		],
	});
}

/** A page in a new browser context, for a visitor of the console. */
async function visitor(browser, { size = 'desktop', javaScript = true } = {}) {
	const context = await browser.newContext({
		viewport: SIZES[size],
		javaScriptEnabled: javaScript,
	});
	context.setDefaultTimeout(20_000);
	return context.newPage();
}

async function photograph(page, name) {
	mkdirSync(screenshots, { recursive: true });
	await page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true });
}

module.exports = { SIZES, launch, photograph, visitor };
