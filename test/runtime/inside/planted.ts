import { tell, unmet } from './tell.ts';

tell(unmet([{ what: 'one is two', holds: Number('1') === 2 }]));
