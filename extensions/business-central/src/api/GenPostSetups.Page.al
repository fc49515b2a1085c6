page 50131 "BH API Gen. Post. Setups"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'generalPostingSetup';
    EntitySetName = 'generalPostingSetups';
    SourceTable = "General Posting Setup";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(genBusPostingGroup; Rec."Gen. Bus. Posting Group") { }
                field(genProdPostingGroup; Rec."Gen. Prod. Posting Group") { }
                field(salesAccount; Rec."Sales Account") { }
                field(salesCreditMemoAccount; Rec."Sales Credit Memo Account") { }
                field(cogsAccount; Rec."COGS Account") { }
                field(blocked; Rec.Blocked) { }
            }
        }
    }
}
