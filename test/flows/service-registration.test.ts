/** Devices register with the real service program and live on the real hub program afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken } from '../../src-main/lib/dps/sas.ts';
import { groupOf, makeAuthority, makeLeaf, openTpmDevice, pemOf, type TpmDevice } from './service-devices.ts';
import { inOneHour, openServiceBed, until, type RawReply, type ServiceBed } from './service-bed.ts';

let bed: ServiceBed;
const tpms: TpmDevice[] = [];

beforeAll(async () => {
  bed = await openServiceBed();
});
afterAll(async () => {
  await Promise.all(tpms.map((device) => device.close()));
  await bed.close();
});

async function newTpm(): Promise<TpmDevice> {
  const device = await openTpmDevice();
  tpms.push(device);
  return device;
}

async function hubOf(deviceId: string): Promise<string | undefined> {
  for (const hub of bed.hubs) {
    const devices = must(await bed.control.devicesOfHub(hub.hostName));
    if (devices.some((device) => device.deviceId === deviceId)) return hub.hostName;
  }
  return undefined;
}

const registerPath = (id: string): string =>
  `/${bed.ready.idScope}/registrations/${id}/register?api-version=2019-03-31`;

describe('a device with a TPM', () => {
  it('opens the challenge, is assigned, and its hub knows it by the key in the second blob', async () => {
    const device = await newTpm();
    must(await bed.client.enrollments.put(device.enrollment({ deviceId: 'press-17' })));
    const assigned = must(await bed.devices.register(device.identity));
    expect(assigned).toMatchObject({ deviceId: 'press-17', substatus: 'initialAssignment' });
    expect(await hubOf('press-17')).toBe(assigned.assignedHub);
    const hubSigner = must(await device.activate(assigned.hubKeyBlob ?? new Uint8Array()));
    expect(must(await hubSigner(Buffer.from('message')))).toHaveLength(32);
    expect(must(await bed.client.getRegistration(device.registrationId))).toMatchObject({
      status: 'assigned',
      assignedHub: assigned.assignedHub,
      deviceId: 'press-17',
    });
    expect(must(await bed.devices.lookUp(device.identity))).toMatchObject({ status: 'assigned', deviceId: 'press-17' });
  });

  it('registers again on the same hub with a new key', async () => {
    const device = await newTpm();
    must(await bed.client.enrollments.put(device.enrollment()));
    const first = must(await bed.devices.register(device.identity));
    const second = must(await bed.devices.register(device.identity));
    expect(second.assignedHub).toBe(first.assignedHub);
    expect(second.hubKeyBlob).not.toEqual(first.hubKeyBlob);
  });

  it('moves with its twin when its enrollment names another hub', async () => {
    const device = await newTpm();
    const [a, b] = bed.hubs.map((hub) => hub.hostName);
    const at = (hub: string | undefined) => ({ allocationPolicy: 'static' as const, iotHubs: [hub ?? ''] });
    const initialTwin = { tags: { site: 'b2' }, properties: { desired: { interval: 30 } } };
    must(await bed.client.enrollments.put(device.enrollment({ ...at(a), initialTwin })));
    expect(must(await bed.devices.register(device.identity)).assignedHub).toBe(a);
    must(await bed.client.enrollments.put(device.enrollment(at(b))));
    expect(must(await bed.devices.register(device.identity))).toMatchObject({
      assignedHub: b,
      substatus: 'deviceDataMigrated',
    });
    expect(must(await bed.control.devicesOfHub(a ?? '')).some((one) => one.deviceId === device.registrationId)).toBe(
      false,
    );
    expect(await hubOf(device.registrationId)).toBe(b);
    const twin = await bed.hubCall(b ?? '', { method: 'GET', path: `/twins/${device.registrationId}` });
    expect(twin).toMatchObject({ tags: { site: 'b2' }, properties: { desired: { interval: 30 } } });
    const keep = { updateHubAssignment: false, migrateDeviceData: false };
    must(await bed.client.enrollments.put(device.enrollment({ ...at(a), reprovisionPolicy: keep })));
    expect(must(await bed.devices.register(device.identity)).assignedHub).toBe(b);
  });

  it('is refused with another endorsement key than the enrolled one, and gets no challenge', async () => {
    const [enrolled, other] = [await newTpm(), await newTpm()];
    must(await bed.client.enrollments.put(enrolled.enrollment()));
    const imposter = { ...other.identity, registrationId: enrolled.registrationId };
    expect(await bed.devices.register(imposter)).toMatchObject({ fault: { code: 'challenge-missing' } });
  });

  it('cannot answer a challenge of before its enrollment was given to another TPM', async () => {
    const [first, second] = [await newTpm(), await newTpm()];
    const registrationId = `shared-${first.registrationId}`;
    must(await bed.client.enrollments.put({ ...first.enrollment(), registrationId }));
    const handOver: typeof first.identity = {
      ...first.identity,
      registrationId,
      async activate(blob: Uint8Array) {
        must(await bed.client.enrollments.put({ ...second.enrollment(), registrationId }));
        return first.activate(blob);
      },
    };
    expect(await bed.devices.register(handOver)).toMatchObject({ fault: { code: 'call-unauthorized' } });
  });

  it('is refused while its enrollment is disabled, and without one', async () => {
    const device = await newTpm();
    expect((await bed.devices.register(device.identity)).ok).toBe(false);
    must(await bed.client.enrollments.put(device.enrollment({ provisioningStatus: 'disabled' })));
    expect(await bed.devices.register(device.identity)).toMatchObject({ fault: { code: 'challenge-missing' } });
  });

  describe('over raw requests', () => {
    let device: TpmDevice;
    let challenge: RawReply;
    let authorization = '';
    const body = (): string => {
      const { registrationId, endorsementKey, storageRootKey } = device;
      return JSON.stringify({ registrationId, tpm: { endorsementKey, storageRootKey } });
    };
    const tokenFor = async (resource: string, keyName?: string): Promise<string> => {
      const request = { resource, expiresAtS: inOneHour(), ...(keyName === undefined ? {} : { keyName }) };
      return must(await createSasToken(request, (message) => device.sign(message)));
    };

    beforeAll(async () => {
      device = await newTpm();
      must(await bed.client.enrollments.put(device.enrollment()));
      challenge = await bed.raw({ method: 'PUT', path: registerPath(device.registrationId), body: body() });
      must(await device.activate(Buffer.from(String(challenge.json['authenticationKey']), 'base64')));
      authorization = await tokenFor(`${bed.ready.idScope}/registrations/${device.registrationId}`);
    });

    it('rules 2, 10 and 11: the 401 is JSON with keyName, without status, and its blob opens', () => {
      expect(challenge.status).toBe(401);
      expect(challenge.headers['content-type']).toContain('application/json');
      expect(challenge.json).toMatchObject({ keyName: 'registration', unencryptedAuthenticationKey: null });
      expect(challenge.json).not.toHaveProperty('status');
      expect(Buffer.from(String(challenge.json['authenticationKey']), 'base64').length).toBeLessThanOrEqual(940);
    });

    it('rules 1, 3, 4, 17, 20 and 21: 202 assigning, then polled, with its id in each answer', async () => {
      // the token without the keys again, as one client sends it; skn absent (rule 9); the body empty (rule 19)
      const started = await bed.raw({
        method: 'PUT',
        path: registerPath(device.registrationId),
        headers: { authorization },
      });
      expect(started.status).toBe(202);
      expect(started.json['status']).toBe('assigning');
      expect(started.headers['retry-after']).toBe('1');
      const operationId = String(started.json['operationId']);
      const path = `/${bed.ready.idScope}/registrations/${device.registrationId}/operations/${operationId}?api-version=2019-03-31`;
      const done = await until(async () => {
        // a GET with a body, on a connection of its own
        const reply = await bed.raw({ method: 'GET', path, headers: { authorization }, body: '{}' });
        expect(reply.json['operationId']).toBe(operationId);
        return reply.status === 200 ? reply : undefined;
      }, 'the operation is done');
      expect(done.json['status']).toBe('assigned');
      expect(done.headers).not.toHaveProperty('retry-after');
      expect(done.json['registrationState']).toMatchObject({
        registrationId: device.registrationId,
        status: 'assigned',
        deviceId: device.registrationId,
        substatus: 'initialAssignment',
      });
      const state = done.json['registrationState'] as Record<string, string>;
      expect(state['createdDateTimeUtc']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
      const again = await bed.raw({ method: 'GET', path, headers: { authorization } });
      expect(again.json).toEqual(done.json);
      const stranger = await bed.raw({ method: 'GET', path });
      expect(stranger).toMatchObject({ status: 401, json: { errorCode: 401_002 } });
    });

    it('rule 9: verified over the raw sr, with skn registration, empty and absent', async () => {
      const resource = `${bed.ready.idScope}/registrations/${device.registrationId}`;
      const raw = async (sr: string, skn: string): Promise<string> => {
        const se = inOneHour();
        const sig = must(await device.sign(Buffer.from(`${sr}\n${se}`)));
        return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(Buffer.from(sig).toString('base64'))}&se=${se}${skn}`;
      };
      const spellings = [
        resource,
        encodeURIComponent(resource),
        encodeURIComponent(resource).replaceAll('%2F', '%2f'),
        resource.toLowerCase(),
      ];
      for (const sr of spellings) {
        for (const skn of ['', '&skn=', '&skn=registration']) {
          const headers = { authorization: await raw(sr, skn) };
          const reply = await bed.raw({
            method: 'PUT',
            path: registerPath(device.registrationId),
            headers,
            body: body(),
          });
          expect(reply.status).toBe(202);
        }
      }
    });

    it('a token for another device, another scope, another key name or by another key is 401002', async () => {
      const wrong = [
        await tokenFor(`${bed.ready.idScope}/registrations/other`),
        await tokenFor(`0neFFFFFFFF/registrations/${device.registrationId}`),
        await tokenFor(`${bed.ready.idScope}/registrations/${device.registrationId}`, 'provisioningserviceowner'),
        authorization.replace(/sig=[^&]+/, `sig=${encodeURIComponent(Buffer.alloc(32).toString('base64'))}`),
        'SharedAccessSignature nonsense',
      ];
      for (const headers of wrong.map((one) => ({ authorization: one }))) {
        const reply = await bed.raw({
          method: 'PUT',
          path: registerPath(device.registrationId),
          headers,
          body: body(),
        });
        expect(reply).toMatchObject({ status: 401, json: { errorCode: 401_002 } });
        expect(reply.json).not.toHaveProperty('authenticationKey');
        expect(Object.keys(reply.json).sort()).toEqual(['errorCode', 'message', 'timestampUtc', 'trackingId']);
      }
    });

    it('rule 18: a payload may be null, a string or an object', async () => {
      for (const payload of [null, 'text', { room: 4 }]) {
        const text = JSON.stringify({ ...(JSON.parse(body()) as object), payload });
        const headers = { authorization };
        const reply = await bed.raw({ method: 'PUT', path: registerPath(device.registrationId), headers, body: text });
        expect(reply.status).toBe(202);
      }
    });

    it.each([undefined, '{}'])('rule 19: a register body may be empty: %s', async (text) => {
      const sent = text === undefined ? {} : { body: text };
      const path = registerPath(device.registrationId);
      const reply = await bed.raw({ method: 'PUT', path, headers: { authorization }, ...sent });
      expect(reply.status).toBe(202);
    });

    it('rules 13 and 14: header names in lower case, routes in any case and with a slash at the end', async () => {
      const path = `/${bed.ready.idScope.toUpperCase()}/Registrations/${device.registrationId.toUpperCase()}/REGISTER/?api-version=x`;
      const reply = await bed.raw({ method: 'PUT', path, headers: { authorization }, body: body() });
      expect(reply.status).toBe(202);
      const ours = reply.rawHeaders
        .filter((_, at) => at % 2 === 0)
        .filter((name) => !/^(Date|Connection|Keep-Alive)$/.test(name));
      expect(ours).toEqual(ours.map((name) => name.toLowerCase()));
    });
  });
});

describe('a device with a certificate', () => {
  it('registers by exactly the enrolled certificate, self-made authority or not', async () => {
    const authority = await makeAuthority('Some CA');
    const leaf = await makeLeaf('valve-1', authority, { send: [] });
    const certificate = { primary: { certificate: pemOf(leaf.certificate) } };
    const attestation = { type: 'x509' as const, x509: { clientCertificates: certificate } };
    must(await bed.client.enrollments.put({ registrationId: 'valve-1', attestation }));
    const assigned = must(await bed.devices.register(leaf.identity));
    expect(assigned).toMatchObject({ deviceId: 'valve-1', substatus: 'initialAssignment' });
    expect(await hubOf('valve-1')).toBe(assigned.assignedHub);
    const other = await makeLeaf('valve-1', authority, { send: [] });
    expect(await bed.devices.register(other.identity)).toMatchObject({ fault: { code: 'call-unauthorized' } });
  });

  it('registers through a group by its root and by its intermediate, and shows the group', async () => {
    const root = await makeAuthority('Root A', { pathLength: 1 });
    const middle = await makeAuthority('Middle A', { issuer: root });
    const leaf = await makeLeaf('pump-1', middle);
    must(await bed.client.groups.put(groupOf('root-a', root.certificate)));
    const path = registerPath('pump-1');
    const started = await bed.raw({ method: 'PUT', path, body: '{"registrationId":"pump-1"}', tls: leaf.tls });
    expect(started.status).toBe(202);
    must(await bed.client.groups.put(groupOf('middle-a', middle.certificate)));
    expect(must(await bed.devices.register(leaf.identity)).deviceId).toBe('pump-1');
    const listed = must(await bed.client.registrationsOfGroup('middle-a'));
    expect(listed.items.map((one) => one.registrationId)).toEqual(['pump-1']);
    // the nearest group decides, even when it is disabled; without it the next one does
    must(await bed.client.groups.put({ ...groupOf('middle-a', middle.certificate), provisioningStatus: 'disabled' }));
    expect(await bed.devices.register(leaf.identity)).toMatchObject({ fault: { code: 'call-unauthorized' } });
    must(await bed.client.groups.delete('middle-a'));
    expect((await bed.devices.register(leaf.identity)).ok).toBe(true);
  });

  it('is one device however it spells its id', async () => {
    const root = await makeAuthority('Root C');
    must(await bed.client.groups.put(groupOf('root-c', root.certificate)));
    const leaf = await makeLeaf('Pump-9', root);
    const first = must(await bed.devices.register(leaf.identity));
    const again = must(await bed.devices.register({ ...leaf.identity, registrationId: 'PUMP-9' }));
    expect([first.deviceId, again.deviceId]).toEqual(['Pump-9', 'Pump-9']);
  });

  it('an individual entry decides before its group: disabled, it shuts the device out', async () => {
    const root = await makeAuthority('Root B');
    const leaf = await makeLeaf('pump-2', root);
    must(await bed.client.groups.put(groupOf('root-b', root.certificate)));
    expect((await bed.devices.register(leaf.identity)).ok).toBe(true);
    const clientCertificates = { primary: { certificate: pemOf(leaf.certificate) } };
    const attestation = { type: 'x509' as const, x509: { clientCertificates } };
    must(await bed.client.enrollments.put({ registrationId: 'pump-2', attestation, provisioningStatus: 'disabled' }));
    expect(await bed.devices.register(leaf.identity)).toMatchObject({ fault: { code: 'call-unauthorized' } });
  });

  it('a group’s secondary certificate is as good as its primary', async () => {
    const [old, fresh] = [await makeAuthority('Old CA'), await makeAuthority('New CA')];
    must(await bed.client.groups.put(groupOf('rollover', old.certificate, fresh.certificate)));
    const leaf = await makeLeaf('pump-3', fresh);
    expect((await bed.devices.register(leaf.identity)).ok).toBe(true);
  });

  it.each([
    ['without the intermediate between it and the root', 'no-middle'],
    ['with an expired leaf', 'expired'],
    ['under another name than its common name', 'other-name'],
    ['from an authority nobody enrolled', 'stranger'],
    ['without a certificate', 'none'],
  ] as const)('is refused %s', async (_, how) => {
    const longAgoMs = (inOneHour() - 20 * 86_400) * 1_000;
    const root = await makeAuthority(`Root ${how}`, { pathLength: 1, nowMs: longAgoMs });
    const middle = await makeAuthority(`Middle ${how}`, { issuer: root, nowMs: longAgoMs });
    if (how !== 'stranger') must(await bed.client.groups.put(groupOf(`group-${how}`, root.certificate)));
    const id = `device-${how}`;
    const options = { 'no-middle': { send: [] }, expired: { nowMs: longAgoMs } };
    const leaf = await makeLeaf(id, middle, how in options ? options[how as keyof typeof options] : {});
    const asked = how === 'other-name' ? 'device-else' : id;
    const tls = how === 'none' ? {} : { tls: leaf.tls };
    const reply = await bed.raw({ method: 'PUT', path: registerPath(asked), body: '{}', ...tls });
    expect(reply).toMatchObject({ status: 401, json: { errorCode: 401_002 } });
  });
});
