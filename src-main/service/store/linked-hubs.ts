/** The linked hubs, and which of them a person has unlinked. */
import type { Transaction } from 'kysely';
import type { Store } from '../core/ports.ts';
import type { LinkedHub } from '../core/records.ts';
import type { Access } from './access.ts';
import { linkedHubFromRow } from './rows.ts';
import type { LinkedHubRow, Tables } from './schema.ts';

type LinkedHubTable = Pick<Store, 'linkedHubs' | 'putLinkedHub' | 'offerLinkedHub' | 'deleteLinkedHub'>;

export function linkedHubsOver({ look, change }: Access): LinkedHubTable {
  return {
    linkedHubs: () =>
      look(async (db) => {
        const rows = await db.selectFrom('linked_hubs').selectAll().orderBy('host_name').execute();
        return rows.map(linkedHubFromRow);
      }),
    putLinkedHub: (hub) =>
      change(async (db) => {
        await db.deleteFrom('unlinked_hubs').where('host_name', '=', hub.hostName).execute();
        const row = rowOf(hub);
        await putRow(db, row, row);
      }),
    offerLinkedHub: (hub) =>
      change(async (db) => {
        const found = db.selectFrom('unlinked_hubs').selectAll().where('host_name', '=', hub.hostName);
        if ((await found.executeTakeFirst()) !== undefined) return;
        await putRow(db, rowOf(hub), { connection_string: hub.connectionString });
      }),
    deleteLinkedHub: (hostName) =>
      change(async (db) => {
        const done = await db.deleteFrom('linked_hubs').where('host_name', '=', hostName).executeTakeFirst();
        if (done.numDeletedRows === 0n) return false;
        const values = { host_name: hostName };
        await db
          .insertInto('unlinked_hubs')
          .values(values)
          .onConflict((known) => known.doNothing())
          .execute();
        return true;
      }),
  };
}

async function putRow(db: Transaction<Tables>, row: LinkedHubRow, change: Partial<LinkedHubRow>): Promise<void> {
  await db
    .insertInto('linked_hubs')
    .values(row)
    .onConflict((known) => known.column('host_name').doUpdateSet(change))
    .execute();
}

function rowOf(hub: LinkedHub): LinkedHubRow {
  return {
    host_name: hub.hostName,
    connection_string: hub.connectionString,
    allocation_weight: hub.allocationWeight,
    apply_allocation_policy: hub.applyAllocationPolicy ? 1 : 0,
  };
}
