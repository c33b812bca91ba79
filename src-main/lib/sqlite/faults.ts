/** What can go wrong with a database file, and how SQLite's own result codes map to it. */
import { faultMaker, type Fault } from '../base/fault.ts';

export const sqliteFault = faultMaker({
  'database-cannot-open': {
    say: 'The data file {file} cannot be opened: {reason}.',
    hint: 'Check that the folder exists and that this user may write to it.',
  },
  'database-not-durable': {
    say: 'The data file {file} would not keep what is written: {pragma} is {found}, not {wanted}.',
    hint: 'Move the data folder to a local disk; network and overlay folders cannot hold it.',
  },
  'database-newer': {
    say: 'The data file {file} was written by a newer version (format {found}, this version knows {known}).',
    hint: 'Start the newer version, or restore the copy made before the update.',
  },
  'database-damaged': {
    say: 'The data file {file} is damaged: {reason}.',
    hint: 'Keep the file, restore the last backup, and report what happened.',
  },
  'database-migration-failed': {
    say: 'The data file {file} could not be brought from format {from} to {to}: {reason}.',
    hint: 'Nothing was changed. Keep the file and report the reason.',
  },
  'database-busy': {
    say: 'The data file {file} is held by another program.',
    hint: 'Close the other program that uses this data folder.',
  },
  'database-full': {
    say: 'The disk that holds {file} is full.',
    hint: 'Free space on the disk; nothing of this step was written.',
  },
  'database-disk-failed': {
    say: 'The disk refused to read or write {file}: {reason}.',
    hint: 'Check the disk; nothing of this step was written.',
  },
  'database-not-synced': {
    say: 'The disk did not confirm what was written to {file}: {reason}.',
    hint: 'Check the disk and start the program again. Until then nothing more is taken.',
  },
  'database-conflict': {
    say: 'A record with the same {constraint} is already there.',
    hint: 'Look at the record that is there first.',
  },
});

export type SqliteFaultCode = ReturnType<typeof sqliteFault>['code'];

const busyCodes = /^SQLITE_(BUSY|LOCKED)/;
const damagedCodes = /^SQLITE_(CORRUPT|NOTADB)/;
const diskCodes = /^SQLITE_(IOERR|READONLY|CANTOPEN)/;
const conflictCodes = /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/;

/** The fault for an error that SQLite raised; undefined when it is a bug of ours and must be thrown on. */
export function faultOf(error: unknown, file: string): Fault<SqliteFaultCode> | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const code = error.code;
  if (busyCodes.test(code)) return sqliteFault('database-busy', { file });
  if (code === 'SQLITE_FULL') return sqliteFault('database-full', { file });
  if (damagedCodes.test(code)) return sqliteFault('database-damaged', { file, reason: code });
  if (diskCodes.test(code)) return sqliteFault('database-disk-failed', { file, reason: code });
  if (!conflictCodes.test(code)) return undefined;
  // SQLite names the columns here, never the values.
  return sqliteFault('database-conflict', { constraint: error.message.replace(/^UNIQUE constraint failed: /, '') });
}
