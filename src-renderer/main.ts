/** Starts the window: gives the app its parts and puts it on the page. */
import '@fontsource-variable/inter/index.css';
import '@fontsource-variable/jetbrains-mono/index.css';
import './theme/tokens.css';
import './theme/base.css';
import { mount } from 'svelte';
import { systemClock } from '../src-main/lib/base/host.ts';
import { browserOf } from './bridge/browser.ts';
import { createTones } from './bridge/tones.ts';
import AppFrame from './frame/AppFrame.svelte';

const target = document.querySelector('#app');
if (target === null) throw new Error('the page has no #app');
mount(AppFrame, { target, props: { browser: browserOf(window), clock: systemClock, tones: createTones() } });
