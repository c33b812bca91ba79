/** Puts a fixture station where the preload would, then starts the product's own window. */
import { createFixtureStation } from './fixture-station.ts';
import { sceneFrom } from './scenes.ts';

const scene = sceneFrom(new URLSearchParams(location.search));
(window as unknown as { station: unknown }).station = createFixtureStation(scene);
await import('../../src-renderer/main.ts');
