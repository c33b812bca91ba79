/** Writing to a unit: certificates and settings go in, are read back, and only then the old is retired and the unit locked. */
import { concatBytes, equalBytes } from '../../lib/base/bytes.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { benchFault } from './faults.ts';
import { chainContent, settingsContent, wasDone } from './holdings.ts';
import type { DeviceSettings, DeviceSigner } from './ports.ts';
import type { Run } from './run-work.ts';

export async function write(run: Run): Promise<Result<void>> {
  const written = run.found.csr === undefined ? ok() : await writeCertificates(run, run.found.csr);
  return written.ok ? writeSettings(run) : written;
}

async function writeCertificates(run: Run, csr: Uint8Array): Promise<Result<void>> {
  const { signer, driver } = run.parts;
  if (signer === undefined) return failed(run.signerGone());
  const issued = (await issuedBefore(run, signer)) ?? (await issueChain(run, signer, csr));
  if (!issued.ok) return issued;
  const { chain, sha256 } = issued.value;
  run.found.chain = chain;
  run.found.fingerprint = sha256;
  const content = chainContent(chain);
  if (wasDone(run, 'write-certificates', content)) {
    const held = await driver.readCertificates();
    if (!held.ok) return held;
    if (equalBytes(chainContent(held.value), content)) return ok();
  }
  return run.irreversibly({
    ...{ step: 'write-certificates', content, isContentKept: true },
    perform: (requestId) => driver.writeCertificates(requestId, chain),
  });
}

interface Issued {
  readonly chain: readonly Uint8Array[];
  readonly sha256: string;
}

async function issueChain(run: Run, signer: DeviceSigner, csr: Uint8Array): Promise<Result<Issued>> {
  const issued = await signer.issue(csr, run.registrationId);
  if (!issued.ok) return issued;
  const chain = [issued.value, ...signer.chain];
  const valid = await signer.validate(chain, run.registrationId);
  return valid.ok ? ok({ chain, sha256: valid.value.sha256 }) : valid;
}

/** The certificate that an earlier run had for this very key: one key never gets two while the first one holds. */
async function issuedBefore(run: Run, signer: DeviceSigner): Promise<Result<Issued> | undefined> {
  for (const { step, content } of [...run.task.open, ...run.task.done]) {
    if (step !== 'write-certificates' || content === undefined) continue;
    const chain = certificatesIn(content);
    const valid = await signer.validate(chain, run.registrationId);
    // Another key, an older signer, a certificate that has run out: a new one is due.
    if (!valid.ok || valid.value.publicKeySha256 !== run.found.publicKeySha256) continue;
    return ok({ chain, sha256: valid.value.sha256 });
  }
  return undefined;
}

/** DER certificates one after another: each is a SEQUENCE whose length takes one to three bytes (X.690 clause 8.1.3). */
function certificatesIn(content: Uint8Array): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let at = 0; at < content.length;) {
    const first = content[at + 1] ?? 0;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const digits = content.subarray(at + 2, at + 2 + lengthBytes);
    const length = lengthBytes === 0 ? first : digits.reduce((sum, byte) => sum * 256 + byte, 0);
    const end = at + 2 + lengthBytes + length;
    chain.push(content.slice(at, end));
    at = end;
  }
  return chain;
}

async function writeSettings(run: Run): Promise<Result<void>> {
  const { driver } = run.parts;
  if (!driver.capabilities.settings) {
    run.leftOut.push('write-settings');
    return ok();
  }
  // By name: whoever gives the target may know more of it than a unit may be told.
  const { idScope, endpoint } = run.parts.target;
  const settings = { registrationId: run.registrationId, idScope, endpoint };
  run.found.settings = settings;
  const content = settingsContent(settings);
  if (wasDone(run, 'write-settings', content)) {
    const held = await driver.readSettings();
    if (!held.ok) return held;
    if (sameSettings(held.value, settings)) return ok();
  }
  return run.irreversibly({
    ...{ step: 'write-settings', content },
    perform: (requestId) => driver.writeSettings(requestId, settings),
  });
}

export async function verify(run: Run): Promise<Result<void>> {
  const { settings, chain } = run.found;
  const kept = settings === undefined ? ok() : await verifySettings(run, settings);
  if (!kept.ok) return kept;
  const certificates = chain === undefined ? ok() : await verifyCertificates(run, chain);
  return certificates.ok ? finishWrites(run) : certificates;
}

async function verifySettings(run: Run, written: DeviceSettings): Promise<Result<void>> {
  const kept = await run.parts.driver.readSettings();
  if (!kept.ok) return kept;
  return sameSettings(kept.value, written) ? ok() : failed(benchFault('read-back-differs', { what: 'settings' }));
}

async function verifyCertificates(run: Run, written: readonly Uint8Array[]): Promise<Result<void>> {
  const { driver, signer } = run.parts;
  if (signer === undefined) return failed(run.signerGone());
  const held = await driver.readCertificates();
  if (!held.ok) return held;
  const isSame = held.value.length === written.length && equalBytes(chainContent(held.value), chainContent(written));
  if (!isSame) return failed(benchFault('read-back-differs', { what: 'certificate' }));
  const valid = await signer.validate(held.value, run.registrationId);
  return valid.ok ? ok() : valid;
}

/** The last acts, in this order: what the new one replaced goes only now, and a locked unit takes nothing any more. */
async function finishWrites(run: Run): Promise<Result<void>> {
  const { driver } = run.parts;
  const retired = await retire(run);
  const lock = driver.lock?.bind(driver);
  const isDone = run.task.batch.terms.lockUnits !== true || run.found.facts?.lock === 'locked';
  if (!retired.ok || isDone || lock === undefined) return retired;
  const { chain = [], settings } = run.found;
  const content = concatBytes(
    chainContent(chain),
    settings === undefined ? new Uint8Array(0) : settingsContent(settings),
  );
  const locked = await run.irreversibly({
    ...{ step: 'lock', content },
    perform: (requestId) => lock(requestId, { chain, settings }),
  });
  // The record says what the unit is now, not what it was when it was asked.
  if (locked.ok && run.found.facts !== undefined) run.found.facts = { ...run.found.facts, lock: 'locked' };
  return locked;
}

async function retire(run: Run): Promise<Result<void>> {
  const { driver } = run.parts;
  const { chain, facts } = run.found;
  const drop = driver.retire?.bind(driver);
  if (drop === undefined || chain === undefined || facts?.hasOld === false || facts?.lock === 'locked') return ok();
  return run.irreversibly({
    ...{ step: 'retire', content: chainContent(chain) },
    perform: (requestId) => drop(requestId, chain),
  });
}

function sameSettings(kept: DeviceSettings | undefined, written: DeviceSettings): boolean {
  const fields = ['registrationId', 'idScope', 'endpoint'] as const;
  return kept?.trustsOther !== true && fields.every((field) => kept?.[field] === written[field]);
}
