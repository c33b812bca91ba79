/** Runs in a child process: unmodified azure-iot-provisioning-device registers over AMQP, once for each way asked for. */
import { readFileSync } from 'node:fs';
import provisioning from 'azure-iot-provisioning-device';
import provisioningAmqp from 'azure-iot-provisioning-device-amqp';
import symmetricKey from 'azure-iot-security-symmetric-key';
import security from 'azure-iot-security-x509';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { tpmSecurity } from './sdk-tpm-security.ts';

export type AmqpProof =
  | { readonly is: 'x509'; readonly registrationId: string; readonly cert: string; readonly key: string }
  | { readonly is: 'key'; readonly registrationId: string; readonly key: string }
  | { readonly is: 'tpm'; readonly kind: 'swtpm' | 'software'; readonly folder: string };

export interface AmqpRun {
  readonly transport: 'Amqp' | 'AmqpWs';
  readonly proof: AmqpProof;
}

interface Job {
  readonly host: string;
  readonly idScope: string;
  readonly runs: readonly AmqpRun[];
}

type Proof = Parameters<typeof provisioning.ProvisioningDeviceClient.create>[3];

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;

async function register(transport: AmqpRun['transport'], proof: Proof): Promise<unknown> {
  const client = provisioning.ProvisioningDeviceClient.create(
    job.host,
    job.idScope,
    new provisioningAmqp[transport](),
    proof,
  );
  const result: { readonly error?: string; readonly registrationState?: object } = await new Promise((resolve) => {
    void client.register((error?: Error | null, registered?: object) => {
      resolve(error ? { error: error.name } : (registered ?? {}));
    });
  });
  // with a TPM this SDK gives the whole operation (dps-wire section 11.2)
  return result.registrationState ?? result;
}

async function run({ transport, proof }: AmqpRun): Promise<unknown> {
  switch (proof.is) {
    case 'x509':
      return register(transport, new security.X509Security(proof.registrationId, { cert: proof.cert, key: proof.key }));
    case 'key':
      return register(
        transport,
        new symmetricKey.SymmetricKeySecurityClient(proof.registrationId, proof.key) as unknown as Proof,
      );
    case 'tpm': {
      const { kind, folder } = proof;
      const choice = kind === 'swtpm' ? { kind, stateDir: folder } : { kind, stateFile: `${folder}/tpm.json` };
      const opened = must(await openTpm(choice, systemClock));
      const tpm = createTpm(opened.transport, systemClock);
      const own = await tpmSecurity(tpm);
      const result = await register(transport, own);
      await opened.close();
      return result;
    }
  }
}

// one TPM does one thing at a time; the others wait for seconds, together
const witnesses: unknown[] = job.runs.some(({ proof }) => proof.is === 'tpm')
  ? []
  : await Promise.all(job.runs.map(run));
if (witnesses.length === 0) for (const each of job.runs) witnesses.push(await run(each));
process.stdout.write(JSON.stringify(witnesses));
process.exit(0);
