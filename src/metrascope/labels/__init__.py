"""The table of pathology results: its rows, its columns, and the class of each diagnosis.

labels         the table of pathology results, read into rows that images are matched to
sheet          read the table of pathology results as text: CSV or Excel, as hospitals write them
workbook       sheets of an Excel workbook as rows of text, with memory in proportion to what is
               in them
strikethrough  text that is struck out in a workbook: it was taken back, and must not count as
               written
cell_faults    cells whose content a spreadsheet has lost, in the columns that decide about an
               image
columns        find out what the columns of a hospital's spreadsheet are, by their English or
               Chinese names
remarks        columns taken for patient or accession numbers or names that hold remarks instead
column_uses    what each column of the table of labels was taken for, those that were not used
               included
column_words   what of the labels' columns of scanner, centre and plane may enter the data set
matching       which row of the table of pathology results an image belongs to, if any; nothing is
               guessed
label_columns  columns of one table that say different things of one woman: only a person knows
               which counts
diagnosis      read a class out of what a pathologist or a researcher wrote, or say why it cannot
               be
clauses        the findings of a diagnosis, clause by clause: where each is said to be, and
               whether it is
lexicon        the words of a diagnosis, in Chinese and English, and what each is in its grammar
"""
