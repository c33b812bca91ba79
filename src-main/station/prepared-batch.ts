/** The batch that a station with a virtual bench finds ready at its first start. */
import { type Result, ok } from '../lib/base/result.ts';
import type { StationCore } from './composition.ts';
import type { StationConfig } from './config.ts';

export async function prepareBatch(config: StationConfig, core: StationCore): Promise<Result<void>> {
  if (config['virtual-units'] === 0) return ok();
  const listed = await core.store.listBatches();
  if (!listed.ok) return listed;
  if (listed.value.length > 0) return ok();
  const signer = core.signers.forBatch(undefined);
  const opened = await core.store.openBatch({
    openedBy: 'station',
    ...(signer === undefined ? {} : { signer }),
    terms: {
      name: 'Demonstration batch',
      product: 'Virtual unit',
      quantity: 100,
      attestation: config.attestation,
      enrollmentKind: 'group',
      ...(signer === undefined ? {} : { signerId: signer.signerId }),
      keyAlgorithm: 'p256',
      deviceIdTemplate: '{registrationId}',
      serialPattern: 'VB[0-9A-Z]{6}-[0-9]{4}',
      ekCertificatePolicy: 'prefer',
      // Every virtual unit speaks the bench link.
      deviceProfile: 'bench-link',
    },
  });
  return opened.ok ? ok() : opened;
}
