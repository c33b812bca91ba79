import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../src-main/lib/base/clock.ts';
import { browserOf } from '../../bridge/browser.ts';
import type { StationPort } from '../../bridge/client.ts';
import { App } from '../../state/app.svelte.ts';
import { createFixtureStation } from '../../../test/renderer/fixture-station.ts';
import { sceneFrom } from '../../../test/renderer/scenes.ts';
import { EnrollDraft } from './enroll-draft.svelte.ts';
import { ServiceScreen } from './service.svelte.ts';
import { words } from '../../words/words.ts';

function screenOf() {
  const clock = manualClock();
  const fixture = createFixtureStation(sceneFrom(new URLSearchParams('')));
  const sent: { name: string; payload: unknown }[] = [];
  const station: StationPort = {
    call: (name, payload) => {
      sent.push({ name, payload });
      return fixture.call(name, payload);
    },
    listen: (listener) => fixture.listen(listener),
  };
  const app = new App({ browser: { ...browserOf(window), station }, clock, tones: { play: () => undefined } });
  const screen = new ServiceScreen(app);
  return { screen, draft: new EnrollDraft(screen, clock), sent };
}

const connection = 'HostName=hub-3.example;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5';

describe('linking a hub', () => {
  it.each(['', 'HostName=hub-3.example', connection.replace('HostName', 'Host')])(
    'refuses %j in words',
    async (text) => {
      const { screen, sent } = screenOf();
      screen.connectionString = text;
      await screen.link();
      expect(screen.linkWrong).toContain('HostName=');
      expect(sent).toEqual([]);
    },
  );

  it('sends the string once and does not keep the key on the screen', async () => {
    const { screen, sent } = screenOf();
    screen.connectionString = ` ${connection} `;
    screen.weight = '3';
    await screen.link();
    expect(sent).toEqual([{ name: 'service.linkHub', payload: { connectionString: connection, weight: 3 } }]);
    expect(screen.connectionString).toBe('');
    expect(screen.linkedHost).toBe('hub-3.example');
  });
});

describe('enrolling by hand', () => {
  const file = (name: string, text: string) => new File([text], name);

  it('takes a TPM by its endorsement key, white space and all', async () => {
    const { draft, sent } = screenOf();
    draft.endorsementKey = 'AToA\nAQAL ';
    await draft.submit();
    expect(sent).toEqual([{ name: 'service.enroll', payload: { kind: 'tpm', material: 'AToAAQAL' } }]);
    expect(draft.isDone).toBe(true);
  });

  it('sends a .pem as it stands and a .cer as base64', async () => {
    const { draft, sent } = screenOf();
    draft.kind = 'x509';
    await draft.take(file('unit.pem', '-----BEGIN CERTIFICATE-----\nMA==\n'));
    await draft.submit();
    await draft.take(file('unit.cer', 'abc'));
    await draft.submit();
    expect(sent.map((one) => (one.payload as { material: string }).material)).toEqual([
      '-----BEGIN CERTIFICATE-----\nMA==\n',
      'YWJj',
    ]);
  });

  it('needs a name for a group', async () => {
    const { draft, sent } = screenOf();
    draft.kind = 'x509-group';
    await draft.take(file('ca.pem', '-----BEGIN CERTIFICATE-----'));
    await draft.submit();
    expect(draft.keyWrong).toBe(words.service.keyWrong);
    expect(sent).toEqual([]);
  });

  it.each([
    ['a file of another kind', file('unit.p12', 'x')],
    ['an empty file', file('unit.pem', '')],
    ['a file that is too large', file('unit.pem', 'x'.repeat(48_001))],
  ])('refuses %s in words', async (_name, picked) => {
    const { draft } = screenOf();
    draft.kind = 'x509';
    await draft.take(picked);
    expect(draft.fileWrong).toContain('.pem');
  });

  it('refuses what is not base64', async () => {
    const { draft, sent } = screenOf();
    draft.endorsementKey = 'not base64!';
    await draft.submit();
    expect(draft.ekWrong).toBe(words.service.ekWrong);
    expect(sent).toEqual([]);
  });
});
