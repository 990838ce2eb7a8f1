"""Command lines that once ended in a traceback or left something behind, and their answers.

Where Hydra says it itself from 1.4 on, both answers: ``by us | by Hydra``.
"""

TRACEBACKS = [
    ("-sc nope", "takes install=SHELL or uninstall=SHELL, with bash, fish, zsh"),
    ("-sc query=bash", 'eval "$(nnrun -sc install=bash)"'),
    ("--resolve", "The --resolve flag can only be used in conjunction with --cfg or --help"),
    ("--experimental-rerun t.csv", "runs whatever a pickle holds, so nnrun does not"),
    ("--experimental-rerun nope", "--experimental-rerun=nope"),
    ("~data@_global_=true", "~data@_global_=true"),
    ("++hydra.sweeper._target_=a -m lr=1,2", "++hydra.sweeper._target_=a: cannot be used by Hydra"),
    ("hydra.verbose=${lr}", "hydra.verbose=${lr}: cannot be used by Hydra"),
    ("hydra.job=${name}", "hydra.job=${name}: cannot be used | is not a subclass of JobConf"),
    ("++hydra.sweep=${name}", "must be a group of keys | is not a subclass of SweepDir"),
    ("-m ++hydra.sweep=${name}", "must be a group of keys | is not a subclass of SweepDir"),
    (f"lr={'[' * 900}1{']' * 900}", "maximum recursion depth exceeded"),
    ("hydra.job_logging.root=100", "hydra.job_logging: cannot be used: Unable to configure root"),
    ("-m hydra.job_logging.root=100", "hydra.job_logging: cannot be used"),
    ("++hydra.job_logging.handlers={a:1}", "Unable to configure handler 'a'"),
    ("-m ++hydra.job_logging.handlers={a:1}", "Unable to configure handler 'a'"),
    ("++hydra.job_logging.handlers=-1e308", "hydra.job_logging: cannot be used"),
    ("hydra.job_logging.root.level=NOPE hydra.run.dir=a/b", "Unknown level: 'NOPE'"),
    ("data=[1,1]", "data"),
    ("data=3", "data"),
    ("data=null", "data"),
    ("optimizer=null", "optimizer"),
    ("experiments=null", "experiments"),
    ("hydra=glob(x*)", "hydra=glob(x*)"),
    ("-m hydra=glob(x*)", "hydra=glob(x*)"),
    ("lr=1 --nope", "--nope: is not a flag"),
    ("hydra.run.dir=a/b continue_from=nope", "continue_from=nope: is not there; looked in"),
    ("-m hydra/launcher=basic hydra/sweeper=basic lr=-1 hydra.sweep.dir=a/b", "lr=-1: must be"),
    (
        "-m hydra/launcher=basic hydra/sweeper=basic hydra.sweep.dir=done",
        "output folder=done: holds the results of another run or sweep",
    ),
    ("-m hydra/sweeper=basic hydra.sweep.dir=${nope}", "Interpolation key 'nope' not found"),
    ("sweep=${lr}", "sweep=0.03: must be a group of the keys zip, random"),
    ("-m hydra/sweeper=basic sweep=${name}", "sweep=nnrun: must be a group of the keys zip"),
    ("-m hydra.sweeper=False", "hydra.sweeper=false: must be a group of keys"),
    ("-m hydra.launcher=basic", "(another is hydra/launcher=NAME)"),
    ("hydra.run.dir=null", "hydra.run.dir=null"),
]
"""Arguments, refused with exit code 2, and words of the answer."""
