/** The core's desks over the real store in memory, on a clock that a test moves; hubs are kept as plain records. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAttemptLimits } from '../../src-main/lib/base/attempt-limits.ts';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { jsonLog, silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { createSasToken, hmacSha256, keySigner, type SasSigner } from '../../src-main/lib/dps/sas.ts';
import type { InitialTwin } from '../../src-main/lib/dps/wire.ts';
import { openDatabase } from '../../src-main/lib/sqlite/database.ts';
import { withAttemptLimits } from '../../src-main/service/core/attempt-limits.ts';
import { createCaDesk } from '../../src-main/service/core/ca-desk.ts';
import type { DeviceClaim } from '../../src-main/service/core/claim.ts';
import { createEnrollmentDesk } from '../../src-main/service/core/enrollment-desk.ts';
import { createGroupKeys, forgettingGroupKeys } from '../../src-main/service/core/group-keys.ts';
import type { HubDevice, HubRegistry } from '../../src-main/service/core/ports.ts';
import type { EnrollmentKind } from '../../src-main/service/core/records.ts';
import { createRegistrationDesk } from '../../src-main/service/core/registration-desk.ts';
import { createRegistrationWorker } from '../../src-main/service/core/registration-worker.ts';
import { createTpmChallenges } from '../../src-main/service/core/tpm-challenges.ts';
import { createSignerDesk } from '../../src-main/service/core/signer-desk.ts';
import { forgettingSigners } from '../../src-main/service/core/signer-upkeep.ts';
import { openSignerFiles } from '../../src-main/service/store/signer-files.ts';
import { openSqliteStore } from '../../src-main/service/store/sql-store.ts';

const idScope = '0ne00ABCDEF';
/** The key of the vectors in dps-wire 1.7 and 6. */
export const vectorKey = Uint8Array.from({ length: 32 }, (_, at) => at);

/** Every hub as records: what was put, what its twins hold. */
function recordedHubs() {
  const devices = new Map<string, HubDevice>();
  const twins = new Map<string, InitialTwin>();
  const at = (hub: { readonly hostName: string }, deviceId: string): string => `${hub.hostName}/${deviceId}`;
  const registry: HubRegistry = {
    check: async () => ok(),
    putDevice: async (hub, device) => (devices.set(at(hub, device.deviceId), device), ok()),
    readTwin: async (hub, deviceId) => ok(twins.get(at(hub, deviceId)) ?? {}),
    writeTwin: async (hub, deviceId, twin) => (twins.set(at(hub, deviceId), twin), ok()),
    removeDevice: async (hub, deviceId) => (devices.delete(at(hub, deviceId)), twins.delete(at(hub, deviceId)), ok()),
    listDevices: async () => ok([]),
    close: () => undefined,
  };
  return { registry, devices, twins };
}

/** `given`: where signers are kept. */
export async function openProofBench(given?: string) {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'benchline-signers-'));
  const clock = manualClock();
  const own = must(openSqliteStore(must(openDatabase({ file: ':memory:' }))));
  const groupKeys = createGroupKeys(own);
  const vault = must(await openSignerFiles(folder));
  const store = forgettingSigners({ store: forgettingGroupKeys(own, groupKeys), vault, log: silentLog });
  const lines: Record<string, unknown>[] = [];
  const log = jsonLog(
    (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    () => '',
  );
  const parts = { store, clock, random: systemRandom, log };
  const hubs = recordedHubs();
  for (const hostName of ['hub-a', 'hub-b']) {
    const hub = { hostName, connectionString: 'c', allocationWeight: 1, applyAllocationPolicy: true };
    must(await store.putLinkedHub(hub));
  }
  const worker = createRegistrationWorker({ ...parts, hubs: hubs.registry });
  const challenges = createTpmChallenges({ clock, secret: systemRandom.bytes(32) });
  const desk = withAttemptLimits(
    createRegistrationDesk({
      ...parts,
      idScope,
      challenges,
      groupKeys,
      signers: vault,
      onStarted: (operation) => worker.take(operation),
      ended: (registrationKey) => worker.ended(registrationKey),
    }),
    createAttemptLimits(clock),
  );
  const enrollments = createEnrollmentDesk(parts);
  const signers = createSignerDesk({ store, vault, clock });
  const authorities = createCaDesk(parts);
  const claim = (registrationId: string, more: Partial<DeviceClaim> = {}): DeviceClaim => ({
    idScope,
    registrationId,
    body: {},
    authorization: undefined,
    certificates: [],
    apiVersion: '2019-03-31',
    source: '198.51.100.7',
    ...more,
  });
  return {
    clock,
    store,
    /** What the log holds. */
    lines,
    /** As it is without what goes with a change. */
    bareStore: own,
    hubs,
    challenges,
    desk,
    enrollments,
    authorities,
    signers,
    claim,
    /** With `If-Match` absent. */
    put: async (kind: EnrollmentKind, id: string, body: object) =>
      must(await enrollments.put(kind, { id, body, condition: { is: 'none' } })),
    /** An hour from the bench's own time unless told otherwise. */
    async token(registrationId: string, key: Uint8Array | SasSigner, more: TokenChange = {}): Promise<string> {
      const { resource = `${idScope}/registrations/${registrationId}`, endsInS = 3_600, keyName } = more;
      const expiresAtS = Math.floor(clock.nowMs() / 1_000) + endsInS;
      const request = { resource, expiresAtS, ...(keyName === undefined ? {} : { keyName }) };
      return must(await createSasToken(request, typeof key === 'function' ? key : keySigner(key)));
    },
    /** Registers and polls until it is done, as whoever holds the claim. */
    async registered(one: DeviceClaim): Promise<Record<string, unknown>> {
      const started = must(await desk.register(one));
      if (started.is !== 'started') throw new Error('a challenge was not expected');
      return this.finished(one, String(started.operation.json['operationId']));
    },
    async finished(one: DeviceClaim, id: string): Promise<Record<string, unknown>> {
      for (let round = 0; round < 1_000; round += 1) {
        const polled = must(await desk.poll(one, id));
        if (polled.isDone) return polled.json['registrationState'] as Record<string, unknown>;
        // The worker's own turn; it is woken, not waited for.
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
      throw new Error('the worker did not finish');
    },
    async close(): Promise<void> {
      await worker.stop();
      await store.close();
      if (given === undefined) rmSync(folder, { recursive: true });
    },
  };
}

export interface TokenChange {
  readonly resource?: string;
  readonly endsInS?: number;
  readonly keyName?: string;
}

export type ProofBench = Awaited<ReturnType<typeof openProofBench>>;

/** dps-wire 6, as a device's maker does it. */
export function keyOfDevice(groupKey: Uint8Array, registrationId: string): Uint8Array {
  return hmacSha256(groupKey, Buffer.from(registrationId));
}
