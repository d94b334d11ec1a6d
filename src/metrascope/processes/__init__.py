"""Work in processes that may crash, hang or run out of memory.

search_path  where Python looks for modules: never in the folder that one stands in
capacity     how much of the processor and of the memory a command may have
deadline     a time limit on work in this very process, which nothing can interrupt
worker       `Worker`, a process that we start, which ends when we do; a fresh one for each run
files        `FileWorker`, a process that is replaced when it ends, and files shared out to many
dispatch     whether the files of an ingest or a reading go to this machine or to a cluster
ray_cluster  runs and files on a Ray cluster: machines that see the same folders
torchrun     the processes of one command that torchrun started, on one machine or several

    ==============================  ===================================  =========================
    work                            mechanism                            what goes wrong
    ==============================  ===================================  =========================
    files of ingest and predict     `files.share_out`: processes with    costs that file
                                    limits on time and memory, each for
                                    one file after another
    the same on a Ray cluster       `ray_cluster.share_out_files`: the   costs that file; Ray
                                    same processes on all machines       gives what a lost machine
                                                                         had to another
    many pieces of our own:         `files.map_in_order`: the same       ends the command
    phantoms, figures, maps         processes without a limit on
                                    memory, results in the order of the
                                    pieces
    runs of a study                 `worker.run_side_by_side`: a fresh   costs that run
                                    process for each, without limits
    the same on a Ray cluster       `ray_cluster.Cluster`: the same      costs that run; Ray gives
                                    process, on any machine              what a lost machine had
                                                                         to another
    one run in several processes    `torchrun`: each does its part of    ends the command
                                    every batch
    a call that may hang in this    `deadline.within`: a thread, which   costs that call
    very process                    is left behind
    a codec that may crash or hang  `dicom.codec_process`: started by a  costs that frame
                                    process of `files`, which may start
                                    no `Worker`
    ==============================  ===================================  =========================
"""
