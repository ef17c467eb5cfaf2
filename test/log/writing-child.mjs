// Writes as many rows as its parent does, at the same time, and tells what it has read.
const [, , path, address] = process.argv;
const { Database, openSource } = await import(address);
const db = new Database(path, { timeout: 20_000 });
const source = openSource(db, { durability: 'log', name: 'child' });
const subscription = source.subscribe({ maxBuffered: 2000 });
process.send('ready');
await new Promise((resolve) => process.once('message', resolve));
const insert = db.prepare('INSERT INTO t (process, n) VALUES (?, ?)');
const writing = (async () => {
  for (let n = 0; n < 300; n++) {
    insert.run('there', n);
    if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
})();
const keepAlive = setInterval(() => {}, 1000);
const seen = [];
for await (const { op, table, after } of subscription) {
  seen.push(`${op} ${table} (${after.id}, '${after.process}', ${after.n})`);
  if (seen.length === 600) break;
}
await writing;
clearInterval(keepAlive);
process.send(seen, () => {
  db.close();
  process.disconnect();
});
