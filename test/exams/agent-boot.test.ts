/** The first boot of a unit against the real service and its hubs, and the same after each of them was away. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { DeviceSettings, LinkClient } from '../../src-main/lib/link/index.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import type { LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { createAuthority } from '../../src-main/lib/x509/authority.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { checkCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { certificatesFromPem, certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { parseCertificateProfile } from '../../src-main/lib/x509/profile.ts';
import profileData from '../../resources/certificate-profiles/device.json' with { type: 'json' };
import { awaitState, parts, startAgentProgram, temporaryFolder } from './agent-program.ts';
import type { AgentProgram } from './agent-program.ts';
import { startServiceProgram } from './service-program.ts';
import type { ServiceProgram } from './service-program.ts';

const profile = must(parseCertificateProfile(profileData));
let folder: string;
let block: LoopbackBlock;
let service: ServiceProgram;
let authority: Credential;
let state: string;
const running: AgentProgram[] = [];
const clients: LinkClient[] = [];

beforeAll(async () => {
  folder = temporaryFolder();
  block = must(claimLoopbackBlock());
  service = await startServiceProgram(folder, block.base);
  const plan = { commonName: 'Line CA', algorithm: 'p256', validityDays: 9, pathLength: 0 } as const;
  authority = must(await createAuthority(plan, parts));
  const signer = { certificate: certificatesToPem([authority.certificate]) };
  must(
    await service.client.groups.put({
      enrollmentGroupId: 'line',
      attestation: { type: 'x509', x509: { signingCertificates: { primary: signer } } },
    }),
  );
});
afterAll(async () => {
  await service.end();
  block.release();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  state = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(running.splice(0).map((program) => program.end('SIGTERM')));
  rmSync(state, { recursive: true, force: true });
});

const start = async (...words: readonly string[]): Promise<{ program: AgentProgram; client: LinkClient }> => {
  const ports = ['--port', `pty:${join(state, 'tty')}`, '--mqtts-port', String(service.ready.ports.mqtts)];
  const program = await startAgentProgram(state, ...ports, ...words);
  running.push(program);
  const client = await program.client();
  clients.push(client);
  return { program, client };
};
const settingsOf = (registrationId: string): DeviceSettings => {
  const { idScope, deviceHost, ports } = service.ready;
  const trustedRoots = certificatesFromPem(service.caPem);
  return { registrationId, idScope, endpoint: `${deviceHost}:${ports.https}`, trustedRoots };
};
const x509 = ['--attestation', 'x509'] as const;
/** As a station does it, from key to settings. */
const writeX509 = async (client: LinkClient, registrationId: string): Promise<void> => {
  must(await client.generateKey(`${registrationId}-key`, 'p256'));
  const csr = must(await client.createCsr(`${registrationId}-csr`, registrationId));
  const facts = must(checkCsr(csr, { expectedCommonName: registrationId }));
  const leaf = must(await issueDeviceCertificate(facts, profile, authority, parts));
  must(await client.writeCertificates(`${registrationId}-chain`, [leaf, authority.certificate]));
  must(await client.writeSettings(`${registrationId}-settings`, settingsOf(registrationId)));
};
const hubs = (): readonly string[] => service.ready.hubs.map(({ hostName }) => hostName);

describe('the first boot', () => {
  it('of an X.509 unit ends at a hub, and again after a power cut', async () => {
    const { program, client } = await start(...x509);
    await writeX509(client, 'boot-x509');
    must(await client.boot('boot'));
    const status = await awaitState(client, 'connected');
    expect(status).toMatchObject({ registrationId: 'boot-x509', deviceId: 'boot-x509' });
    expect(hubs()).toContain(status.assignedHub);
    expect(must(await service.client.getRegistration('boot-x509'))).toMatchObject({
      status: 'assigned',
      assignedHub: status.assignedHub,
    });
    await program.end('SIGKILL');
    const again = await start(...x509);
    expect(await awaitState(again.client, 'connected')).toEqual(status);
  });

  it.each([['swtpm'], ['software']])(
    'of a TPM unit with %s ends at a hub, and again after a power cut',
    async (tpm) => {
      const words = ['--attestation', 'tpm', '--tpm', tpm];
      const { program, client } = await start(...words);
      const { ek, srk } = must(await readTpmIdentity(createTpm(client.tpm, systemClock)));
      const registrationId = registrationIdFromEk(ek);
      const attestation = { endorsementKey: toBase64(ek), storageRootKey: toBase64(srk) };
      const deviceId = `unit-of-${tpm}`;
      must(
        await service.client.enrollments.put({
          registrationId,
          deviceId,
          attestation: { type: 'tpm', tpm: attestation },
        }),
      );
      must(await client.writeSettings('s', settingsOf(registrationId)));
      must(await client.boot('b'));
      const status = await awaitState(client, 'connected');
      expect(status).toMatchObject({ registrationId, deviceId });
      await program.end('SIGKILL');
      const again = await start(...words);
      expect(await awaitState(again.client, 'connected')).toEqual(status);
      expect(again.program.log.join('\n')).not.toMatch(/SharedAccessSignature|sig=/);
    },
  );

  it('shows a refusal as failed with its reason, and ends well once the unit is enrolled', async () => {
    const { client } = await start('--attestation', 'tpm', '--tpm', 'software');
    const { ek, srk } = must(await readTpmIdentity(createTpm(client.tpm, systemClock)));
    must(await client.writeSettings('s', settingsOf('late')));
    must(await client.boot('b'));
    expect((await awaitState(client, 'failed')).fault).toBeDefined();
    const tpm = { endorsementKey: toBase64(ek), storageRootKey: toBase64(srk) };
    must(await service.client.enrollments.put({ registrationId: 'late', attestation: { type: 'tpm', tpm } }));
    expect(await awaitState(client, 'connected')).toMatchObject({ registrationId: 'late' });
  });

  it('goes on when the service was away at first, and comes back to its hub after a restart', async () => {
    const { client } = await start(...x509);
    await writeX509(client, 'patient');
    await service.end();
    must(await client.boot('b'));
    expect(await awaitState(client, 'registering')).toMatchObject({ registrationId: 'patient' });
    service = await startServiceProgram(folder, block.base);
    const first = await awaitState(client, 'connected');
    await service.end();
    expect((await awaitState(client, 'assigned')).fault).toContain(String(first.assignedHub));
    service = await startServiceProgram(folder, block.base);
    expect(await awaitState(client, 'connected', 60_000)).toEqual(first);
  }, 120_000);

  it('takes over new settings when it is booted again', async () => {
    const { client } = await start(...x509);
    await writeX509(client, 'before');
    must(await client.boot('b-1'));
    await awaitState(client, 'connected');
    await writeX509(client, 'after');
    must(await client.boot('b-2'));
    expect(await awaitState(client, 'connected')).toMatchObject({ registrationId: 'after', deviceId: 'after' });
  });
});
