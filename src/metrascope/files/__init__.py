"""Files, as every part of the package writes and reads them.

atomic      write files so that a kill leaves either the old file or the new one; read them in
            pieces
folder_lock keep other processes out of a folder while one writes into it
csv_rows    read the rows of a CSV file strictly: a quotation mark too many must not swallow any
csv_file    CSV files as we write them: with a byte order mark, whole or absent, safe in a
            spreadsheet
cells       keep a spreadsheet from running a cell: the one guard of every CSV file, and its
            removal
toml_file   read and write TOML that people wrote: bounded in size and depth, with every name they
            use
chinese_font files of fonts with Chinese characters: that of a package, then the system's
png_file    pictures of a data set as PNG, packed quickly
file_names  names of files that are made of names of other people's: a network's, a class's
validation  why a value was refused, in words: pydantic says it in English alone
"""
