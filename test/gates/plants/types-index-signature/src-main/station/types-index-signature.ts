export const path = process.env.PATH;
