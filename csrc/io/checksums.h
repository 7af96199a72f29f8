#pragma once

#include <filesystem>

namespace infini {

/// Writes FOLDER/checksums.json: size and CRC-32 (zlib's) of every file in the folder and its subfolders.
void write_checksums(const std::filesystem::path& folder);

/// Checks every file of a folder against its checksums.json. Throws UserError that names the damaged file. A folder
/// without a checksums.json was made by another program, and passes.
void verify_checksums(const std::filesystem::path& folder);

}  // namespace infini
