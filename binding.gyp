# What is shipped is the target `rowtap`. With -Drowtap_dev=1 (the Makefile does that) two more addons can be built beside it.
{
  'variables': {
    'rowtap_dev%': 0,
    'addon_sources': ['<!@(node scripts/list-sources.cjs native/node)'],
    'capture_sources': ['<!@(node scripts/list-sources.cjs native/sqlite native/capture deps/lz4)'],
  },
  'target_defaults': {
    'include_dirs': ['native', 'deps/sqlite3', 'deps/lz4', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    # JavaScript sees errors through Napi::Error objects that are handed back, not thrown through C++. Exceptions stay on for the standard
    # library's own, which the code below the bindings catches. A worker that is being terminated lets nothing be thrown, at any moment of
    # a call; without the third of these that would end the process.
    # LZ4's table, as a power of two: what the log holds of a small transaction should not push all else out of the processor's cache.
    'defines': ['LZ4_MEMORY_USAGE=12', 'NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
                'NODE_ADDON_API_DISABLE_DEPRECATED'],
    # Node's own settings for addons ask for -O3, older C++ and no exceptions.
    'cflags!': ['-O3'],
    'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-fno-exceptions'],
    'configurations': {
      'Release': {
        'cflags!': ['-O3'],
        'cflags': ['-O2'],
        'xcode_settings': { 'GCC_OPTIMIZATION_LEVEL': '2' },
      },
    },
    'cflags': ['-fvisibility=hidden', '-include', '<(module_root_dir)/native/sqlite/options.h'],
    # SQLite is written in a style of its own.
    'cflags_c': ['-Wno-implicit-fallthrough', '-Wno-cast-function-type', '-Wno-unused-variable', '-Wno-unused-function'],
    'cflags_cc': ['-std=c++20', '-fexceptions', '-fvisibility-inlines-hidden', '-Wall', '-Wextra', '-Wno-unused-parameter'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
      'OTHER_CFLAGS': ['-include', '<(module_root_dir)/native/sqlite/options.h'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'ExceptionHandling': 1,
        'ForcedIncludeFiles': ['<(module_root_dir)/native/sqlite/options.h'],
        'AdditionalOptions': ['/std:c++20', '/std:c17', '/Zc:__cplusplus'],
      },
    },
    'conditions': [
      # Another driver in the same process has its own sqlite3_* functions; neither may reach the other's.
      ['OS=="linux"', { 'ldflags': ['-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections'], 'cflags': ['-ffunction-sections'] }],
    ],
  },
  'targets': [
    {
      'target_name': 'rowtap_capture',
      'type': 'static_library',
      'sources': ['<@(capture_sources)'],
    },
    {
      'target_name': 'rowtap',
      'dependencies': ['rowtap_capture'],
      'sources': ['<@(addon_sources)'],
    },
  ],
  'conditions': [
    ['rowtap_dev==1', {
      'targets': [
        {
          # What the tests load: the same objects, and a file system and an allocator that fail when they are told to.
          'target_name': 'rowtap_testing',
          'product_dir': '<(module_root_dir)/build/testing',
          'dependencies': ['rowtap_capture'],
          'defines': ['ROWTAP_TESTING'],
          'sources': ['<@(addon_sources)', '<!@(node scripts/list-sources.cjs native/testing)'],
        },
        {
          # The benchmark's base line: SQLite without the hook, and without anything that would use it.
          'target_name': 'rowtap_no_capture',
          'product_dir': '<(module_root_dir)/build/no-capture',
          'defines': ['ROWTAP_NO_CAPTURE'],
          'sources': ['<@(addon_sources)', '<@(capture_sources)'],
        },
      ],
    }],
  ],
}
