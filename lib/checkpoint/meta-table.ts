/** What is known of the file as a whole: how far LSNs are reserved, and which log it keeps. */
export const createMetaSql =
  'CREATE TABLE IF NOT EXISTS main."_rowtap_meta" ("name" TEXT NOT NULL PRIMARY KEY, "value" NOT NULL) WITHOUT ROWID';
