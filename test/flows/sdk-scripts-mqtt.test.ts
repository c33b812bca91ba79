import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { makeLeaf } from './service-devices.ts';
import { openMqttBed, type MqttBed } from './support/mqtt-bed.ts';
import { sdkScripts } from './support/sdk-mqtt-scripts.ts';

let mqtt: MqttBed;

beforeAll(async () => {
  mqtt = await openMqttBed();
});

afterAll(async () => {
  await mqtt.close();
});

const cases = sdkScripts.flatMap((script) =>
  (['TCP', 'WebSockets'] as const).flatMap((way) =>
    (['X.509', 'symmetric key'] as const).map((proof) => ({ sdk: script.name, script, way, proof })),
  ),
);

describe('[rule 5] [rule 9] [rule 12] [rule 16] [rule 19] the order, topics and bodies that each SDK is used to', () => {
  it.each(cases)('a device of the $sdk SDK registers over $way by $proof', async ({ script, way, proof }) => {
    const registrationId = `${script.name}-${way}-${proof}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    const key = proof === 'X.509' ? undefined : Buffer.alloc(32, registrationId.length);
    const leaf = key === undefined ? await makeLeaf(registrationId, mqtt.ca) : undefined;
    if (key !== undefined) {
      const symmetricKey = { primaryKey: key.toString('base64'), secondaryKey: Buffer.alloc(32).toString('base64') };
      must(
        await mqtt.bed.client.enrollments.put({ registrationId, attestation: { type: 'symmetricKey', symmetricKey } }),
      );
    }
    const connection = await mqtt.dial(leaf, {
      ...(way === 'TCP' ? {} : { webSocket: script.webSocket }),
      ...(script.tls === undefined ? {} : { more: script.tls }),
    });
    const outcome = await script.run({
      connection,
      idScope: mqtt.idScope,
      registrationId,
      key,
      nowS: Math.floor(systemClock.nowMs() / 1_000),
      pause: () => new Promise((resolve) => void systemClock.after(20, resolve)),
    });
    expect(outcome).toEqual({
      assignedHub: mqtt.bed.hubs[0]!.hostName,
      deviceId: registrationId,
      polls: expect.any(Number) as number,
    });
  });
});
