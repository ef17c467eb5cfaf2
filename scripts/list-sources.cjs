// Prints the C and C++ sources of the given folders, for binding.gyp and CMakeLists.txt, which cannot list folders portably by themselves.
const { existsSync, readdirSync } = require('node:fs');

for (const folder of process.argv.slice(2)) {
  if (!existsSync(folder)) continue;
  for (const name of readdirSync(folder).sort()) {
    if (/\.(c|cpp)$/.test(name) && !name.endsWith('_test.cpp')) console.log(`${folder}/${name}`);
  }
}
