import { systemClock, systemRandom } from '../../../src-main/lib/base/host.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import { createAuthority } from '../../../src-main/lib/x509/authority.ts';
import { validateChain } from '../../../src-main/lib/x509/chain.ts';
import { checkCsr, createCsr } from '../../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../../src-main/lib/x509/device-certificate.ts';
import { generateKey } from '../../../src-main/lib/x509/keys.ts';
import { parseCertificateProfile } from '../../../src-main/lib/x509/profile.ts';
import type { KeyAlgorithm } from '../../../src-main/lib/x509/types.ts';
import profileData from '../../../resources/certificate-profiles/device.json' with { type: 'json' };
import { tell, unmet, type Expectation } from './tell.ts';

const parts = { clock: systemClock, random: systemRandom };
const profile = must(parseCertificateProfile(profileData));

async function chainOf(authority: KeyAlgorithm, device: KeyAlgorithm): Promise<Expectation[]> {
  const plan = { algorithm: authority, validityDays: 40 };
  const root = must(await createAuthority({ ...plan, commonName: 'Root', pathLength: 1 }, parts));
  const other = must(await createAuthority({ ...plan, commonName: 'Root', pathLength: 1 }, parts));
  const between = must(
    await createAuthority({ ...plan, commonName: 'Intermediate', pathLength: 0, issuer: root }, parts),
  );
  const { key } = await generateKey(device);
  const csr = must(await createCsr('dev-01', key));
  const facts = must(checkCsr(csr, { expectedCommonName: 'dev-01' }));
  const leaf = must(await issueDeviceCertificate(facts, profile, between, parts));
  const nowMs = systemClock.nowMs();
  const question = { leaf, presented: [between.certificate], nowMs };
  const forged = Uint8Array.from(csr);
  const last = forged.length - 1;
  forged[last] = (forged[last] ?? 0) ^ 1;
  const which = `${authority} over ${device}`;
  return [
    { what: `${which}: the chain holds`, holds: validateChain({ ...question, anchors: [root.certificate] }).ok },
    {
      what: `${which}: another root refuses it`,
      holds: !validateChain({ ...question, anchors: [other.certificate] }).ok,
    },
    { what: `${which}: a changed request is refused`, holds: !checkCsr(forged, { expectedCommonName: 'dev-01' }).ok },
  ];
}

tell(
  unmet([
    ...(await chainOf('p256', 'p256')),
    ...(await chainOf('p384', 'rsa2048')),
    ...(await chainOf('rsa2048', 'p256')),
  ]),
);
