// eslint-disable-next-line no-console -- nothing here prints
export const answer = 42;
