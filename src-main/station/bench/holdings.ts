/** What a unit holds against what the journal says was ever to be written to it. */
import { concatBytes, utf8 } from '../../lib/base/bytes.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { Step } from '../../contract/recovery-views.ts';
import { benchFault } from './faults.ts';
import type { DeviceSettings } from './ports.ts';
import type { Run } from './run-work.ts';

export const settingsContent = ({ registrationId, idScope, endpoint }: DeviceSettings): Uint8Array =>
  utf8(JSON.stringify({ registrationId, idScope, endpoint }));
export const chainContent = (chain: readonly Uint8Array[]): Uint8Array => concatBytes(...chain);

type Written = Extract<Step, 'write-certificates' | 'write-settings'>;
const inWords = { 'write-certificates': 'certificates', 'write-settings': 'settings' } as const;

/**
 * Asked of a unit that the station takes up by itself. It may hold nothing, or any of what was to be written; what it
 * acknowledged in the runs that are being finished it must still hold. Anything else was not ours: a person decides.
 */
export async function askHoldings(run: Run): Promise<Result<void>> {
  const { capabilities } = run.parts.driver;
  const settings = capabilities.settings ? await askSettings(run) : ok();
  if (!settings.ok || run.found.attestation !== 'x509') return settings;
  const chain = await run.parts.driver.readCertificates();
  if (!chain.ok) return chain;
  return checkHolding(run, 'write-certificates', chain.value.length === 0 ? undefined : chainContent(chain.value));
}

async function askSettings(run: Run): Promise<Result<void>> {
  const settings = await run.parts.driver.readSettings();
  if (!settings.ok) return settings;
  return checkHolding(run, 'write-settings', settings.value && settingsContent(settings.value));
}

function checkHolding(run: Run, step: Written, held: Uint8Array | undefined): Result<void> {
  const { done, holdings } = run.task;
  const sha256 = held === undefined ? undefined : run.sha256(held);
  const isOurs =
    sha256 === undefined
      ? !done.some((intent) => intent.step === step)
      : holdings.some((holding) => holding.step === step && holding.sha256 === sha256);
  if (isOurs) return ok();
  const { serialNumber } = run.task;
  return failed(benchFault('unit-holds-other', { serialNumber, what: inWords[step] }));
}

/** Whether an earlier run wrote exactly this, and had it acknowledged: then it is read, and not written again. */
export function wasDone(run: Run, step: Written, content: Uint8Array): boolean {
  const sha256 = run.sha256(content);
  return run.task.done.some((intent) => intent.step === step && intent.sha256 === sha256);
}
