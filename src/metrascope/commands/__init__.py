"""One file per command: its options, what it calls, what it prints.

parser      how the command line is understood: headings, errors and options that commands share
arguments   paths on the command line: what each of them is, and whether the command takes it
console     what several commands print, and values they all understand
next_steps  what to type next: where somebody begins, and after a command whose result another one
            takes
phantom     the command that writes phantom data
ingest      the command that makes a clean data set of raw exports
audit       the command that looks for leaks in a data set
split       the command that draws who is trained on and who is tested
study       the command that trains and compares networks
evaluate    the command that computes the tables of predictions
report      the command that makes the report of a study again
export      the command that makes a bundle of trained runs
predict     the command that reads new images
"""
