import { checkTpmVectors } from '../../vectors/tpm-vectors.ts';
import { tell } from './tell.ts';

tell(checkTpmVectors());
