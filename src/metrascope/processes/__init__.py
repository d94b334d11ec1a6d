"""Processes, one table of which is for what.

worker        run pieces of work in processes of their own, one after the other or side by side
files         share work out among processes that may crash, hang or run out of memory
dispatch      who does the files of an ingest or a reading: processes of this machine, or of a
              cluster's
cores         how much of the processor there is to share
deadline      A time limit on work in this very process, which nothing can interrupt
memory_limit  the memory that a command may have, where someone limits it (``ulimit -v``, a batch
              system)
search_path   where Python looks for modules: never in the folder that one stands in
torchrun      the processes of one command that torchrun started, on one machine or several
ray_files     files shared out on a Ray cluster: machines that see the same originals and results
ray_runs      the runs of a study on a Ray cluster: machines that see the same folders
"""
