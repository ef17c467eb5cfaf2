// Prints the C and C++ sources of the given folders, for binding.gyp, which cannot list folders portably by itself. Not those of folders in
// them: what lies in native/sqlite/internals is a part of amalgamation.c, and can't be compiled without it.
const { existsSync, readdirSync } = require('node:fs');

for (const folder of process.argv.slice(2)) {
  if (!existsSync(folder)) continue;
  for (const name of readdirSync(folder).sort()) {
    if (/\.(c|cpp)$/.test(name) && !name.endsWith('_test.cpp')) console.log(`${folder}/${name}`);
  }
}
